// How a process that serves makes room for another one: what there is to hand over, asked of the parts that have it, and
// what follows once the other one serves. Puts parts together that know nothing of each other.

import type { AdminKeeper } from './admin/keeper.ts';
import type { Balancer } from './balancer.ts';
import type { ProcessCalls } from './engine/binding.ts';
import type { NativeEngine } from './engine/engine.ts';
import type { SocketOptions } from './listen.ts';
import type { MetricsServer } from './metrics/server.ts';
import type { OverrideStore } from './overrides.ts';
import { createDoor, type Door } from './upgrade/door.ts';
import type { Given, Socket } from './upgrade/give.ts';
import { createUpgrades, type Upgrades } from './upgrade/upgrades.ts';

export interface SuccessionParts {
  readonly balancer: Balancer;
  readonly engine: () => NativeEngine | undefined;
  readonly store: OverrideStore;
  readonly admin: AdminKeeper;
  readonly metrics: () => MetricsServer | undefined;
  readonly calls: ProcessCalls;
  readonly version: string;
  readonly opening: () => SocketOptions;
  /** Whoever has taken over serves; this process has nothing left to do but its open sessions. */
  readonly onHandedOver: (pid: number) => void;
  readonly log: {
    info(message: string, fields?: object): void;
    warn(message: string, fields?: object): void;
    error(message: string, fields?: object): void;
  };
}

export interface Succession {
  readonly upgrades: Upgrades;
  readonly door: Door;
}

export function createSuccession(parts: SuccessionParts): Succession {
  const { balancer, engine, store, admin, calls, log } = parts;

  function listeners(): readonly Socket[] | undefined {
    try {
      return engine()?.offer();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
  }

  function pages(): readonly Socket[] {
    const server = parts.metrics();
    const fd = server?.descriptor();
    const shown =
      server === undefined || fd === undefined ? [] : [{ host: server.host, port: server.port, fd }];
    return [...shown, ...admin.descriptors()].map((socket) => ({
      ...socket,
      fd: calls.duplicate(socket.fd),
    }));
  }

  function handedOver({ pid, serves }: Extract<Given, { ok: true }>): void {
    engine()?.letGo(serves);
    // What listens there is the other one's as well: whoever comes from now on is to come to that one.
    parts.metrics()?.release();
    void admin.close();
    door.close();
    parts.onHandedOver(pid);
  }

  const upgrades = createUpgrades({
    calls,
    product: parts.version,
    timeout: () => balancer.config().upgrade.timeout,
    exclusively: (attempt) => balancer.exclusively(attempt),
    listeners,
    pages,
    state: () => ({
      overrides: store.list(),
      down: balancer
        .health()
        .filter(({ up, code }) => !up && code !== 'DNS')
        .map(({ pool, backend }) => ({ pool, backend })),
    }),
    handedOver,
    kept: () => engine()?.steerAgain(),
    log,
  });
  const door = createDoor({
    calls,
    opening: parts.opening,
    onCaller: (descriptor, pid) => void upgrades.serve(descriptor, pid),
    warn: (message) => log.warn(message, { event: 'upgrade-refused' }),
  });
  return { upgrades, door };
}
