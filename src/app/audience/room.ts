import type { Connection } from './connection.ts';
import { EAR, QUERIES } from './documents.ts';
import type { RoomName } from './script.ts';

/** What is heard in a stream. */
export type Heard =
  | { __typename: 'GiftSent'; sender: { handle: string; displayName: string }; coins: number }
  | { __typename: 'ProductPurchased'; buyer: { displayName: string } | null }
  | { __typename: 'BoxFunded'; box: { funder: { displayName: string } } }
  | { __typename: 'BoxOpened'; boxId: string }
  | {
      __typename:
        | 'ReactionPerformed'
        | 'LevelStarted'
        | 'LevelRaised'
        | 'GoalReached'
        | 'BattleStarted'
        | 'OfferStarted'
        | 'StreamEnded';
    };

/** A stream that the audience fills: which one it is now, and one ear for all who sit there. */
export class Room {
  /** Undefined while its creator is off air. */
  streamId: string | undefined;
  creatorId: string | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    readonly name: RoomName,
    private readonly connection: Connection,
    private readonly on: { heard: (room: Room, what: Heard) => void; changed: (room: Room) => void },
  ) {}

  /** Finds the stream of now. */
  async look(): Promise<void> {
    type Found = { creator: { id: string; currentStream: { id: string } | null } | null };
    const { creator } = await this.connection.query<Found>(QUERIES.room, { handle: this.name });
    this.creatorId = creator?.id;
    const streamId = creator?.currentStream?.id;
    if (streamId === this.streamId) return;
    this.leave();
    this.streamId = streamId;
    if (streamId === undefined) return;
    this.#stopListening = this.connection.subscribe<{ liveEvents: { node: Heard } }>(
      EAR,
      { streamId },
      ({ liveEvents }) => {
        if (liveEvents.node.__typename === 'StreamEnded') this.leave();
        this.on.heard(this, liveEvents.node);
      },
    );
    this.on.changed(this);
  }

  /** Forgets the stream; the next look finds it, or another. */
  leave(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.streamId = undefined;
  }
}
