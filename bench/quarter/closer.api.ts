/** What a driver may ask of the program that rolls up and closes the quarter (`closer.ts`). */

/** What something took. `nodeBytes` is the most memory that the program has ever held, its start included. */
export type Took = { seconds: number; nodeBytes: number };

/** What a report says of the world, to be compared. */
export type World = { gifts: string; coins: string; reversedCoins: string; gifters: string; creators: string };

/** Commands of the program. */
export type CloserCommands = {
  /** Rolls up every day of the quarter for the first time, as the sweep does. */
  rollUp: () => Promise<Took>;
  /** Reads the report of the open quarter. */
  read: () => Promise<Took>;
  /** Closes the quarter; of one that is closed, makes the report again and compares. */
  close: () => Promise<Took & { replayed: boolean; checksum: string; world: World }>;
};
