/** Called with each message of a channel. Must not throw. */
export type BusListener = (message: string) => void;

/**
 * Carries messages between processes, at most once: a message may be lost, doubled by nobody, late by any time. Whoever needs
 * more reads Postgres.
 */
export type Bus = {
  /** Sends to all subscribers of all processes, this one included. Rejects when the message could not be handed over. */
  publish: (channel: string, message: string) => Promise<void>;
  /** Resolves, when messages will arrive, with a function that ends the subscription. */
  subscribe: (channel: string, listener: BusListener) => Promise<() => Promise<void>>;
  /** Whether nobody else listens: what is for this process alone needs no message. */
  readonly isLocal: boolean;
  /** Whether messages of a channel can travel now; without one, those of all. */
  isUp: (channel?: string) => boolean;
  close: () => Promise<void>;
};
