// Where this host gets addresses from: /etc/hosts, the servers in resolv.conf, the C library. Every answer is bounded
// in time and in number; codes of errors are turned into the few kinds that matter.

import { Resolver, lookup as lookupByLibrary } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { parseHosts } from './hosts.ts';
import type { SourceAnswer, Sources } from './resolve.ts';

const HOSTS_FILE = '/etc/hosts';
/** One reading serves all names that are asked for within this time. */
const HOSTS_FRESH_MS = 1000;
/** The C library's resolver blocks a thread of the pool that files are written with: never all of them. */
const MAX_LOOKUPS = 2;
/** More addresses than this of one name are not looked at. */
const MAX_RECORDS = 4096;

const NONE: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EAI_NONAME']);
const TIMED_OUT: ReadonlySet<string> = new Set(['ETIMEOUT', 'ECANCELLED', 'EAI_AGAIN']);

export interface SystemSourcesOptions {
  /** Other servers than those of resolv.conf, `address` or `address:port`. */
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
  readonly now?: () => number;
}

export function createSystemSources(options: SystemSourcesOptions = {}): Sources {
  const { servers, hostsFile = HOSTS_FILE, now = () => performance.now() } = options;
  const takeTurns = createTurns(MAX_LOOKUPS);
  let read:
    { readonly at: number; readonly names: Promise<ReadonlyMap<string, readonly string[]>> } | undefined;

  return {
    async hosts(name) {
      if (read === undefined || now() - read.at >= HOSTS_FRESH_MS) {
        const names = readFile(hostsFile, 'utf8').then(
          parseHosts,
          () => new Map<string, readonly string[]>(),
        );
        read = { at: now(), names };
      }
      return (await read.names).get(name.toLowerCase()) ?? [];
    },

    /** A resolver for each question: it sees the resolv.conf of now, and can be cancelled alone. */
    async dns(name, family, signal) {
      const resolver = new Resolver({ timeout: 1500, tries: 3 });
      const cancel = (): void => resolver.cancel();
      signal.addEventListener('abort', cancel);
      try {
        if (servers !== undefined) resolver.setServers(servers);
        const asked =
          family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true });
        if (signal.aborted) cancel();
        const records = (await asked).slice(0, MAX_RECORDS);
        if (records.length === 0) return { kind: 'none', reason: 'ENODATA' };
        return {
          kind: 'found',
          records: records.map(({ address, ttl }) => ({ address, ttlMs: ttl * 1000 })),
        };
      } catch (error) {
        return failureOf(error);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },

    lookup(name, signal) {
      return untilAborted(signal, () =>
        takeTurns(signal, async () => {
          try {
            const found = await lookupByLibrary(name, { all: true, verbatim: true });
            const records = found.slice(0, MAX_RECORDS).map(({ address }) => ({ address, ttlMs: undefined }));
            return records.length === 0 ? { kind: 'none', reason: 'ENODATA' } : { kind: 'found', records };
          } catch (error) {
            return failureOf(error);
          }
        }),
      );
    },
  };
}

function failureOf(error: unknown): SourceAnswer {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code ?? message;
  return NONE.has(reason)
    ? { kind: 'none', reason }
    : { kind: 'failed', reason, timedOut: TIMED_OUT.has(reason) };
}

const GIVEN_UP: SourceAnswer = { kind: 'failed', reason: 'ETIMEOUT', timedOut: true };

/** The library cannot be interrupted: whoever asked goes on, and the turn is taken until it has ended. */
function untilAborted(signal: AbortSignal, ask: () => Promise<SourceAnswer>): Promise<SourceAnswer> {
  return new Promise((resolve) => {
    const abort = (): void => resolve(GIVEN_UP);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    void ask().then((answer) => {
      signal.removeEventListener('abort', abort);
      resolve(answer);
    });
  });
}

type TakeTurns = (signal: AbortSignal, run: () => Promise<SourceAnswer>) => Promise<SourceAnswer>;

/** At most so many at once; whoever is given up before his turn does not take it. */
function createTurns(places: number): TakeTurns {
  const waiting: (() => void)[] = [];
  let taken = 0;
  return async (signal, run) => {
    if (taken >= places) await new Promise<void>((resolve) => waiting.push(resolve));
    else taken += 1;
    try {
      return signal.aborted ? GIVEN_UP : await run();
    } finally {
      // The place goes from hand to hand, so that nobody slips in between.
      const next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next();
    }
  };
}
