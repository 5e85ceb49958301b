/** What a driver may ask of the program with many viewers (`viewers.ts`), and what it answers. */
import type { Usage } from '../lib/commands.ts';

/** Every viewer's operation has this id: as long as those of real clients, and known to the raw broadcast. */
export const OPERATION_ID = '5a6b0cf1-0d8e-4d2c-9a57-0e6c51d0b7aa';

/** Whom to connect. Viewer i watches stream i modulo the number of streams. */
export type ConnectOptions = {
  url: string;
  viewers: number;
  streams: readonly string[];
  /** Remember the last cursor, to be able to resume. Costs the client a little with every event. */
  keepCursors?: boolean;
  /** A stream that everybody watches too, on the same socket. What it brings is not told apart: for viewers that stall. */
  alsoStream?: string;
};

/** What arrived since the last reset. */
export type Arrivals = {
  events: number;
  /** Events at the viewer that got the fewest, and the most. */
  viewerEventsMin: number;
  viewerEventsMax: number;
  /** Numbers that a viewer missed, or got twice or late. */
  lost: number;
  doubled: number;
  /** Sockets that the server closed, by close code; 0 stands for none. */
  closed: Record<number, number>;
  p50Ms: number;
  p99Ms: number;
};

/** How a storm of reconnecting viewers went. */
export type ResumeReport = {
  /** From the first connection attempt until a viewer had all that it missed. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Events that arrived late, all viewers together. */
  caughtUp: number;
};

/** Commands of the program. */
export type ViewerCommands = {
  begin: () => void;
  end: () => Usage;
  /** Resolves when everybody has subscribed. */
  connect: (options: ConnectOptions) => Promise<void>;
  /** How many viewers have got an event since they connected. */
  live: () => number;
  reset: () => void;
  arrivals: () => Arrivals;
  /** Waits until so many events have arrived since the last reset, or the time is over. */
  until: (goal: { events: number; msMax: number }) => Promise<Arrivals>;
  /** Everybody stops reading, or reads on. */
  stall: (stalled: boolean) => void;
  /** Everybody loses the connection. */
  drop: () => void;
  /** Everybody comes back at once, with its cursor; resolves when each has got the event with its stream's number. */
  resume: (goal: { seqs: Record<string, number>; msMax: number }) => Promise<ResumeReport>;
  /** Everybody leaves. */
  close: () => void;
};
