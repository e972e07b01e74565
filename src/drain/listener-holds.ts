// Listeners that an operator holds back: they accept nobody until they are ready again. Outlives reloads, as holds of
// backends do; a listener that the file drops is forgotten. Bounded by the config.

import type { Config } from '../config/config.ts';

export interface ListenerHolds {
  hold(listener: string): void;
  release(listener: string): void;
  isHeld(listener: string): boolean;
  /** A config has taken force. */
  settle(config: Config): void;
}

export function createListenerHolds(): ListenerHolds {
  const held = new Set<string>();
  return {
    hold: (listener) => void held.add(listener),
    release: (listener) => void held.delete(listener),
    isHeld: (listener) => held.has(listener),
    settle(config) {
      const known = new Set(config.listeners.map(({ name }) => name));
      for (const name of held) if (!known.has(name)) held.delete(name);
    },
  };
}
