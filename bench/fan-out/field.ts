import { Arena, type FeedServer, startViewers, type ViewersProcess } from './arena.ts';
import type { FeedVariant } from './variants.ts';

type Pair = { server: FeedServer; viewers: ViewersProcess };

/** Several servers side by side, each with a process for its viewers, who come and go. */
export class Field<Name extends string> {
  private constructor(
    private readonly pairs: ReadonlyMap<Name, Pair>,
    private readonly signal: AbortSignal,
  ) {}

  /** Starts all processes; stops them again if one does not start. */
  static async start<Name extends string>(
    variants: Readonly<Record<Name, FeedVariant>>,
    signal: AbortSignal,
  ): Promise<Field<Name>> {
    const started: { stop: () => Promise<void> }[] = [];
    const start = async <Process extends { stop: () => Promise<void> }>(
      starting: Promise<Process>,
    ): Promise<Process> => {
      const process = await starting;
      started.push(process);
      return process;
    };
    const pairs = new Map<Name, Pair>();
    try {
      // One after the other: their databases are copies of one that only one may copy at a time.
      for (const [name, variant] of Object.entries<FeedVariant>(variants)) {
        const [server, viewers] = await Promise.all([start(variant.start()), start(startViewers(signal))]);
        pairs.set(name as Name, { server, viewers });
      }
      return new Field(pairs, signal);
    } catch (error) {
      await Promise.all(started.map((process) => process.stop()));
      throw error;
    }
  }

  /** Connects the same number of viewers to every server, those of the last call gone. */
  async connect(viewers: number, streams: readonly string[]): Promise<Map<Name, Arena>> {
    const arenas = new Map<Name, Arena>();
    for (const [name, pair] of this.pairs) {
      await pair.viewers.call('close');
      arenas.set(name, await Arena.open(pair.server, { viewers, streams }, this.signal, pair.viewers));
    }
    return arenas;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pairs.values()].flatMap(({ server, viewers }) => [viewers.stop(), server.stop()]));
  }
}
