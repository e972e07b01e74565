// Listening sockets that this process has not made: from the one that it takes over from, or from a service manager. Says
// which of them belong to the data plane and which to a page of the control plane; what nobody wants is named and closed.

import type { Config } from './config/config.ts';
import type { ProcessCalls } from './engine/binding.ts';
import { place } from './errors.ts';
import { activatedSockets } from './service/activation.ts';
import type { Heritage } from './upgrade/take.ts';

export interface Inherited {
  /** Of the data plane, in the order in which they began to listen; to be adopted. */
  readonly listeners: readonly number[];
  /** What listens there, the caller's from then on. */
  page(host: string, port: number): number | undefined;
  /** Closes the pages that nobody has asked for. */
  close(): void;
}

export interface InheritedParts {
  readonly config: Config;
  readonly heritage: Heritage | undefined;
  readonly calls: Pick<ProcessCalls, 'listensOn' | 'close'>;
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly warn: (message: string) => void;
}

export function inheritedSockets({ config, heritage, calls, env, pid, warn }: InheritedParts): Inherited {
  const listeners: number[] = [];
  const pages = new Map<string, number>();
  for (const { use, host, port, fd } of heritage?.sockets ?? []) {
    if (use === 'listener') listeners.push(fd);
    else pages.set(place(host, port), fd);
  }
  const listened = new Set(config.listeners.flatMap(({ listen }) => listen.map(nameOf)));
  const wanted = new Set(pagesOf(config).map(nameOf));
  for (const { fd, name, place: where } of activatedSockets(env, pid, calls.listensOn)) {
    const at = where === undefined ? undefined : nameOf(where);
    if (at !== undefined && listened.has(at)) listeners.push(fd);
    else if (at !== undefined && wanted.has(at)) pages.set(at, fd);
    else {
      warn(
        `the service manager's socket ${name} (${at ?? 'no listening TCP socket'}) fits no address in the config and is not used`,
      );
      calls.close(fd);
    }
  }
  return {
    listeners,
    page(host, port) {
      const name = place(host, port);
      const fd = pages.get(name);
      pages.delete(name);
      return fd;
    },
    close() {
      for (const fd of pages.values()) calls.close(fd);
      pages.clear();
    },
  };
}

function pagesOf({ admin, monitoring }: Config): readonly { host: string; port: number }[] {
  return [admin, monitoring.prometheus].map(({ host, port }) => ({ host, port }));
}

function nameOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return place(host, port);
}
