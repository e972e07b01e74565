// Which numbers are still in use after a change: those of what the config names and of what the engine still counts.

import type { Config } from '../config/config.ts';
import type { Counters } from '../engine/engine.ts';
import { backendKey } from './build.ts';
import type { Slots } from './slots.ts';

/** `before` runs while all names are known still, those in records of sessions that have ended among them. */
export function forgetGone(
  slots: Slots,
  config: Config,
  { listeners, backends }: Counters,
  before: () => void,
): void {
  before();
  const names = config.listeners.map((listener) => slots.listener(listener.name));
  const keys = config.pools.flatMap((pool) =>
    pool.backends.map((backend) => slots.backend(pool.name, backendKey(backend))),
  );
  slots.keepOnly(
    new Set([...names, ...listeners.map(({ slot }) => slot)]),
    new Set([...keys, ...backends.map(({ slot }) => slot)]),
  );
}
