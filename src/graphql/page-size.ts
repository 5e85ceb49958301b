/** Items of a page, if the client does not say, and at the most. */
export const PAGE_SIZE_DEFAULT = 20;
export const PAGE_SIZE_MAX = 100;
