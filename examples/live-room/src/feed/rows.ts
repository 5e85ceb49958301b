import type { EventOf, FeedEvent } from './types.ts';

/** Rows that the page holds at the most: older ones go. */
export const ROWS_MAX = 120;
/** How far back a row is looked for that an event belongs to. */
const LOOK_BACK_ROWS = 40;

/** What the feed shows of an event, or of some that belong together. `key` stays the same while the row does. */
export type Row = { key: number; event: FeedEvent; streakEnded?: number; reversed?: boolean };

/** Events that change what is shown elsewhere, and are no news to read. */
const SILENT = new Set<FeedEvent['__typename']>([
  'BattleScored',
  'OfferStockChanged',
  'ProductUnpinned',
  'LevelRaised',
]);

/** The rows after an event. The array is another one only when it changed. */
export function addRow(rows: readonly Row[], event: FeedEvent): readonly Row[] {
  switch (event.__typename) {
    case 'GiftSent':
      // A streak is one row that counts up.
      return event.streak > event.quantity
        ? replaceOrAdd(
            rows,
            event,
            (row) => isStreak(row, event),
            (row) => ({ ...row, event }),
          )
        : bounded([...rows, { key: event.seq, event }]);
    case 'StreakEnded':
      return replace(
        rows,
        (row) => isStreak(row, event),
        (row) => ({ ...row, streakEnded: event.total }),
      );
    case 'GiftReversed':
      return bounded([
        ...replace(
          rows,
          ({ event: of }) => of.__typename === 'GiftSent' && of.seq === event.giftSeq,
          (row) => ({
            ...row,
            reversed: true,
          }),
        ),
        { key: event.seq, event },
      ]);
    case 'ReactionPerformed':
    case 'ReactionSkipped':
      return bounded([...rows.filter((row) => !isQueued(row, event.reactionId)), { key: event.seq, event }]);
    default:
      return SILENT.has(event.__typename) ? rows : bounded([...rows, { key: event.seq, event }]);
  }
}

type Streak = Pick<EventOf<'GiftSent'>, 'sender' | 'gift'>;

function isStreak({ event, streakEnded }: Row, { sender, gift }: Streak): boolean {
  return (
    event.__typename === 'GiftSent' &&
    streakEnded === undefined &&
    event.sender.id === sender.id &&
    event.gift.id === gift.id
  );
}

function isQueued({ event }: Row, reactionId: string): boolean {
  return event.__typename === 'ReactionQueued' && event.reactionId === reactionId;
}

/** The rows with the last one that matches replaced, or the same rows. */
function replace(rows: readonly Row[], matches: (row: Row) => boolean, change: (row: Row) => Row): readonly Row[] {
  const oldest = Math.max(0, rows.length - LOOK_BACK_ROWS);
  for (let index = rows.length - 1; index >= oldest; index--) {
    if (matches(rows[index]!)) return rows.with(index, change(rows[index]!));
  }
  return rows;
}

function replaceOrAdd(
  rows: readonly Row[],
  event: FeedEvent,
  matches: (row: Row) => boolean,
  change: (row: Row) => Row,
): readonly Row[] {
  const replaced = replace(rows, matches, change);
  return replaced === rows ? bounded([...rows, { key: event.seq, event }]) : replaced;
}

function bounded(rows: readonly Row[]): readonly Row[] {
  return rows.length > ROWS_MAX ? rows.slice(-ROWS_MAX) : rows;
}
