// Ends the sessions of backends that are in maintenance, once every worker has been told to bring no more of them.

import type { Balancer as Core } from '../balancer.ts';
import type { OverrideStore } from '../overrides.ts';

/** As many as the data plane tells of. */
const MOST_SESSIONS = 1_000_000;

export interface Maintenance {
  /** To be called whenever a snapshot is in force everywhere; cheap where nothing is to be ended. */
  endSessions(): void;
}

export function createMaintenance(
  core: Pick<Core, 'engine' | 'slots'>,
  store: Pick<OverrideStore, 'list'>,
): Maintenance {
  return {
    endSessions() {
      const held = new Set<string>();
      for (const change of store.list()) {
        if (change.field === 'hold' && change.value === 'maintenance') held.add(nameOf(change));
      }
      if (held.size === 0) return;
      const ours = core.slots.backends().filter((each) => held.has(nameOf(each)));
      const slots = new Set(ours.map((each) => each.slot));
      const engine = core.engine();
      const open = engine.read().backends.some(({ slot, active }) => slots.has(slot) && active > 0n);
      if (!open) return;
      for (const { worker, id, backend } of engine.sessions(MOST_SESSIONS))
        if (slots.has(backend)) engine.kill(worker, id);
    },
  };
}

function nameOf({ pool, backend }: { readonly pool: string; readonly backend: string }): string {
  return JSON.stringify([pool, backend]);
}
