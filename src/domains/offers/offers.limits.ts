/** How long an offer lasts: a countdown of seconds, or up to 20 minutes. */
export const OFFER_SECONDS_MIN = 10;
export const OFFER_SECONDS_MAX = 1_200;
/** Units of an offer, as the table has it. */
export const OFFER_QUANTITY_MAX = 1_000_000;
/** What one unit costs at the most, in minor units, as the table has it. */
export const OFFER_PRICE_MAX = 99_999_999_999;
/** Offers that are open in one stream at the same time. */
export const OPEN_OFFERS_MAX = 50;
/** Products that one stream shows. */
export const SHOWCASE_MAX = 100;
