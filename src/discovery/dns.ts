// Keeps one numeric address for every name that a backend is configured by, and tells when it changes: the data plane
// never sees a name. What was learnt is kept for as long as nothing better is known, so that an outage of DNS takes no
// backend away. Does not know what the names are for.

import { isIP } from 'node:net';
import { type Sources, resolveName } from './resolve.ts';

/** All in milliseconds. */
export interface DnsSettings {
  /** Bounds of how long an answer is believed, whatever it says itself. */
  readonly min_ttl: number;
  readonly max_ttl: number;
  /** For one resolution of one name, all questions together. */
  readonly timeout: number;
}

export interface DiscoveryTime {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
}

export type DiscoveryEvent =
  /** Also the first address of a name: `previous` is undefined then. */
  | {
      readonly type: 'changed';
      readonly name: string;
      readonly address: string;
      readonly previous: string | undefined;
    }
  /** The first of several failures in a row; the address, if there is one, is kept. */
  | {
      readonly type: 'failed';
      readonly name: string;
      readonly reason: string;
      readonly address: string | undefined;
    }
  | { readonly type: 'recovered'; readonly name: string; readonly address: string; readonly afterMs: number };

export interface NameState {
  readonly name: string;
  readonly address: string | undefined;
  /** How long resolution has been failing; 0 while it works. */
  readonly staleMs: number;
  /** In a row. */
  readonly failures: number;
  /** Of the last failure, '' after a success. */
  readonly reason: string;
  readonly resolutions: number;
}

export interface ResolvedHosts {
  /** Numeric hosts stand for themselves. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Why there is none, by name. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface Discovery {
  /**
   * Follows these names too, and answers when each has an outcome or the time is over. Names that are known already
   * answer at once. Never rejects; what has no address yet is tried on.
   */
  resolveAll(hosts: Iterable<string>, timeoutMs: number): Promise<ResolvedHosts>;
  /** Follows these names and no others from now on; numeric hosts need nothing. */
  follow(hosts: Iterable<string>, settings?: DnsSettings): void;
  /** A numeric host itself; undefined for a name without an answer yet. */
  addressOf(host: string): string | undefined;
  list(): readonly NameState[];
  /** No event follows. Harmless when repeated. */
  stop(): void;
}

export interface DiscoveryOptions {
  readonly settings: DnsSettings;
  readonly sources: Sources;
  readonly time: DiscoveryTime;
  /** 0 (included) to 1 (excluded). */
  readonly random?: () => number;
  readonly onEvent: (event: DiscoveryEvent) => void;
  /** Stops it. */
  readonly signal?: AbortSignal;
}

/** Where the source does not say how long an address is good for. */
const DEFAULT_TTL_MS = 30_000;
/** Nobody is asked more often about one name. */
const LEAST_WAIT_MS = 1000;
/** Failures make the wait longer, up to here: the end of an outage should be noticed. */
const MAX_RETRY_MS = 30_000;
/** Waits vary upwards by this share, so that names do not stay in step. */
const JITTER = 0.1;
/** Names that are being resolved at once; others wait. */
const MAX_AT_ONCE = 32;

interface Followed {
  readonly name: string;
  address: string | undefined;
  failures: number;
  failingSince: number;
  reason: string;
  resolutions: number;
  cancelTimer: () => void;
  underWay: AbortController | undefined;
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { sources, time, onEvent, random = Math.random } = options;
  let { settings } = options;
  const names = new Map<string, Followed>();
  const queue = new Set<Followed>();
  const waiters = new Set<() => void>();
  let atOnce = 0;
  let stopped = false;

  function add(name: string): void {
    if (stopped || isIP(name) !== 0 || names.has(name)) return;
    const followed: Followed = {
      name,
      address: undefined,
      failures: 0,
      failingSince: 0,
      reason: '',
      resolutions: 0,
      cancelTimer: () => undefined,
      underWay: undefined,
    };
    names.set(name, followed);
    enqueue(followed);
  }

  function remove(followed: Followed): void {
    names.delete(followed.name);
    queue.delete(followed);
    followed.cancelTimer();
    followed.underWay?.abort();
  }

  function enqueue(followed: Followed): void {
    queue.add(followed);
    work();
  }

  function work(): void {
    for (const followed of queue) {
      if (atOnce >= MAX_AT_ONCE) return;
      queue.delete(followed);
      void refresh(followed);
    }
  }

  async function refresh(followed: Followed): Promise<void> {
    const ending = new AbortController();
    followed.underWay = ending;
    atOnce += 1;
    const cancelDeadline = time.after(settings.timeout, () => ending.abort());
    const found = await resolveName(followed.name, followed.address, sources, ending.signal);
    cancelDeadline();
    atOnce -= 1;
    followed.underWay = undefined;
    if (names.get(followed.name) === followed) {
      followed.resolutions += 1;
      if (found.ok) succeed(followed, found.address, found.ttlMs);
      else fail(followed, found.reason);
      for (const look of [...waiters]) look();
    }
    work();
  }

  function succeed(followed: Followed, address: string, ttlMs: number | undefined): void {
    const previous = followed.address;
    const failedFor = followed.failures === 0 ? undefined : time.now() - followed.failingSince;
    Object.assign(followed, { address, failures: 0, reason: '' });
    const ttl = Math.min(Math.max(ttlMs ?? DEFAULT_TTL_MS, settings.min_ttl), settings.max_ttl);
    again(followed, ttl);
    if (failedFor !== undefined)
      onEvent({ type: 'recovered', name: followed.name, address, afterMs: failedFor });
    if (address !== previous) onEvent({ type: 'changed', name: followed.name, address, previous });
  }

  function fail(followed: Followed, reason: string): void {
    followed.failures += 1;
    followed.reason = reason;
    if (followed.failures === 1) followed.failingSince = time.now();
    const longest = Math.min(MAX_RETRY_MS, settings.max_ttl);
    again(followed, Math.min(LEAST_WAIT_MS * 2 ** Math.min(followed.failures - 1, 10), longest));
    if (followed.failures === 1) {
      onEvent({ type: 'failed', name: followed.name, reason, address: followed.address });
    }
  }

  function again(followed: Followed, waitMs: number): void {
    const wait = Math.max(waitMs, LEAST_WAIT_MS) * (1 + random() * JITTER);
    followed.cancelTimer = time.after(wait, () => enqueue(followed));
  }

  function collect(hosts: ReadonlySet<string>): ResolvedHosts {
    const addresses = new Map<string, string>();
    const failures = new Map<string, string>();
    for (const host of hosts) {
      const address = addressOf(host);
      if (address !== undefined) addresses.set(host, address);
      else failures.set(host, names.get(host)?.reason || 'no answer in time');
    }
    return { addresses, failures };
  }

  function addressOf(host: string): string | undefined {
    return isIP(host) === 0 ? names.get(host)?.address : host;
  }

  function stop(): void {
    if (stopped) return;
    stopped = true;
    options.signal?.removeEventListener('abort', stop);
    for (const followed of [...names.values()]) remove(followed);
    for (const look of [...waiters]) look();
  }

  options.signal?.addEventListener('abort', stop);
  if (options.signal?.aborted === true) stop();

  return {
    resolveAll(hosts, timeoutMs) {
      const wanted = new Set(hosts);
      for (const host of wanted) add(host);
      const isOpen = (host: string): boolean => names.get(host)?.resolutions === 0;
      return new Promise((resolve) => {
        const look = (): void => {
          if (![...wanted].some(isOpen)) finish();
        };
        const finish = (): void => {
          cancelDeadline();
          waiters.delete(look);
          resolve(collect(wanted));
        };
        const cancelDeadline = time.after(timeoutMs, finish);
        waiters.add(look);
        look();
      });
    },
    follow(hosts, changed) {
      if (changed !== undefined) settings = changed;
      const wanted = new Set(hosts);
      for (const followed of [...names.values()]) {
        if (!wanted.has(followed.name)) remove(followed);
      }
      for (const host of wanted) add(host);
    },
    addressOf,
    list() {
      const now = time.now();
      return [...names.values()].map(({ name, address, failures, failingSince, reason, resolutions }) => ({
        name,
        address,
        staleMs: failures === 0 ? 0 : now - failingSince,
        failures,
        reason,
        resolutions,
      }));
    },
    stop,
  };
}
