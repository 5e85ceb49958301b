/** What a driver may ask of the program that loads a server with one request over and over (`load.ts`). */
export type LoadOptions = {
  url: string;
  /** The body of the POST, JSON. */
  body: string;
  /** Of who asks; nobody without it. */
  token?: string | undefined;
  connections: number;
  durationMs: number;
};

/** What came of it. */
export type LoadReport = { requests: number; p50Ms: number; p99Ms: number };

/** Commands of the program. */
export type LoadCommands = { run: (options: LoadOptions) => Promise<LoadReport> };
