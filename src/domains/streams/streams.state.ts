/** The states of a stream. */
export type StreamStatus = 'SCHEDULED' | 'LIVE' | 'ENDED';

/** Which state may follow which. */
export const STREAM_TRANSITIONS: Readonly<Record<StreamStatus, readonly StreamStatus[]>> = {
  SCHEDULED: ['LIVE', 'ENDED'],
  LIVE: ['ENDED'],
  ENDED: [],
};
