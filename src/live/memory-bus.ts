import type { Bus, BusListener } from './bus.ts';

/** A bus within one process: for a single server without Redis. */
export function createMemoryBus(): Bus {
  const listeners = new Map<string, Set<BusListener>>();
  return {
    publish: async (channel, message) => {
      for (const listener of listeners.get(channel) ?? []) listener(message);
    },
    subscribe: async (channel, listener) => {
      const own: BusListener = (message) => listener(message);
      const all = listeners.get(channel) ?? new Set();
      listeners.set(channel, all.add(own));
      return async () => {
        all.delete(own);
        if (all.size === 0 && listeners.get(channel) === all) listeners.delete(channel);
      };
    },
    isLocal: true,
    isUp: () => true,
    close: async () => listeners.clear(),
  };
}
