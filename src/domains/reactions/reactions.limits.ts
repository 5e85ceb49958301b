/** Reactions that wait in one stream; a gift that would bring one more is refused. gifts_send_batch has the same number. */
export const QUEUE_MAX = 100;
/** Rules of a creator that are in force. */
export const RULES_MAX = 100;
/** Characters of a phrase, as the table has it. */
export const PHRASE_LENGTH_MAX = 200;
/** Names of animations and sounds: what a client finds a file by. */
export const ASSET_NAME = /^[a-z0-9_-]{1,50}$/;
/** Gifts in one call that a rule may wait for: no call has more. */
export const MIN_QUANTITY_MAX = 1_000;
/** The length of a streak that a rule may wait for. */
export const MIN_STREAK_MIN = 2;
export const MIN_STREAK_MAX = 100_000;
/** How far priorities go, on either side of 0. */
export const PRIORITY_MAX = 100;
/** The longest that a rule may rest after it has matched. */
export const COOLDOWN_MS_MAX = 3_600_000;
/** How long performing takes: at the least, at the most, and if the creator does not say. */
export const DURATION_MS_MIN = 500;
export const DURATION_MS_MAX = 60_000;
export const DURATION_MS_DEFAULT = 3_000;
