// Keeps the admin interface where the config in force says, over reloads: what a new config wants is opened before what
// only the old one wanted is closed, what both want stays open. Knows no HTTP: a server is loaded when one is wanted.

import type { AdminSettings } from '../config/config.ts';
import type { Opened } from '../opened.ts';
import type { Operations } from './operations.ts';
import type { AdminOpening, AdminPlace, AdminServer } from './server.ts';
import { adminPlaces } from './settings.ts';

export interface AdminKeeperParts {
  readonly operations: Operations;
  /** Of the product. */
  readonly version: string;
  readonly tell: (message: string) => void;
  /** How a place is to be opened, where another process has to do with it. */
  readonly opening?: (where: AdminPlace) => AdminOpening;
}

export interface AdminKeeper {
  /** Rejects with what is wrong, for people, and has opened nothing then. Not while another is undecided. */
  open(settings: AdminSettings): Promise<Opened>;
  /** What listens on TCP. */
  descriptors(): readonly { readonly host: string; readonly port: number; readonly fd: number }[];
  close(): Promise<void>;
}

export function createAdminKeeper({ operations, version, tell, opening }: AdminKeeperParts): AdminKeeper {
  let open = new Map<string, AdminServer>();

  async function start(where: AdminPlace): Promise<AdminServer> {
    const { startAdminServer } = await import('./server.ts');
    const started = await startAdminServer(where, operations, version, opening?.(where));
    if (!started.ok) throw new Error(`the admin interface cannot be opened: ${started.message}`);
    return started.server;
  }

  return {
    async open(settings) {
      const wanted = adminPlaces(settings);
      if (!wanted.ok) throw new Error(`the admin interface cannot be opened: ${wanted.message}`);
      const fresh = new Map<string, AdminServer>();
      const discard = async (): Promise<void> => {
        await Promise.all([...fresh.values()].map((server) => server.close()));
      };
      try {
        for (const where of wanted.places) {
          const name = nameOf(where);
          if (!open.has(name)) fresh.set(name, await start(where));
        }
      } catch (error) {
        await discard();
        throw error;
      }
      return {
        discard,
        keep() {
          const before = open;
          open = new Map();
          for (const where of wanted.places) {
            const name = nameOf(where);
            const server = before.get(name) ?? fresh.get(name);
            if (server === undefined) continue;
            open.set(name, server);
            server.follow(where);
            server.publish();
          }
          for (const server of fresh.values()) tell(`the admin interface is open: ${server.where}`);
          for (const [name, server] of before) {
            if (open.has(name)) continue;
            tell(`the admin interface is closed: ${server.where}`);
            // Not waited for: who asked for the reload may be one of those who still get their answer from it.
            void server.close();
          }
        },
      };
    },
    descriptors() {
      const found: { host: string; port: number; fd: number }[] = [];
      for (const [name, server] of open) {
        const fd = server.descriptor();
        const [host] = JSON.parse(name) as [string];
        if (fd !== undefined) found.push({ host, port: server.port, fd });
      }
      return found;
    },
    async close() {
      await Promise.all([...open.values()].map((server) => server.close()));
    },
  };
}

function nameOf(where: AdminPlace): string {
  return JSON.stringify(where.kind === 'socket' ? [where.path] : [where.host, where.port]);
}
