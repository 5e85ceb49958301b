/** Coins in one box, and shares that it is for, at the most. Each share is one coin at least. */
export const BOX_COINS_MAX = 1_000_000;
export const BOX_SHARES_MAX = 10_000;
/** How long a box waits before it opens: long enough for watchers to gather, and not beyond what anybody waits for. */
export const OPENS_IN_SECONDS_MIN = 10;
export const OPENS_IN_SECONDS_MAX = 1_800;
/** How long its shares can be claimed from then on. */
export const CLAIM_WINDOW_MS = 60_000;
/** Boxes of one stream that are not closed. */
export const OPEN_BOXES_MAX = 20;
