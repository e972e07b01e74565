// Which backend a client gets, and why: as data. One explanation for each listener, since that is what a client
// connects to. Pure: what the world looks like is handed in.

import { addressBytes } from '../balance/hash.ts';
import { formatAddress } from '../config/address.ts';
import type { Algorithm, Config, Listener, Pool } from '../config/config.ts';
import { backendKey } from '../snapshot/build.ts';
import { type Candidate, type Candidates, candidatesOf, type Exclusion, type Observe } from './candidates.ts';
import { createRehearsal } from './rehearsal.ts';

/**
 * How much a pick can be trusted. `exact`: this client, always. `cold-start`: what the next sessions get of a balancer
 * that has served none yet (or has the sessions that were observed). `by-chance`: one possible course among many.
 */
export type Certainty = 'exact' | 'cold-start' | 'by-chance';

export interface Explanation {
  readonly client: string;
  readonly listener: { readonly name: string; readonly listen: readonly string[]; readonly retries: number };
  readonly pool: { readonly name: string; readonly algorithm: Algorithm; readonly panic_threshold: number };
  readonly grounds: Candidates['grounds'];
  readonly candidates: readonly Candidate[];
  readonly excluded: readonly Exclusion[];
  /** Backends of the config that the running balancer does not know; they count as up. */
  readonly unknown: readonly string[];
  readonly certainty: Certainty;
  /** `host:port` in the order in which one session is offered: the pick, then who is tried should it not connect. */
  readonly offers: readonly string[];
  /** Whom further sessions get that all connect and stay open; empty where that is always the pick. */
  readonly next: readonly string[];
}

export interface ExplainInput {
  readonly config: Config;
  /** An IPv4 or IPv6 address. */
  readonly client: string;
  /** Only this listener. */
  readonly listener?: string | undefined;
  /** Of a running balancer; everybody counts as up and idle without. */
  readonly observe?: Observe | undefined;
}

export type ExplainResult =
  | { readonly ok: true; readonly explanations: readonly Explanation[] }
  | { readonly ok: false; readonly message: string };

/** Sessions after the first whose backends are told. */
const NEXT = 8;
const SEED = 1;

export function explain({ config, client, listener, observe }: ExplainInput): ExplainResult {
  const bytes = addressBytes(client);
  if (bytes === undefined) return { ok: false, message: `'${client}' is not an IP address` };
  const listeners = config.listeners.filter((each) => listener === undefined || each.name === listener);
  if (listeners.length === 0) {
    const names = config.listeners.map((each) => each.name).join(', ');
    return { ok: false, message: `there is no listener '${listener}'; there are: ${names}` };
  }
  const pools = new Map(config.pools.map((pool) => [pool.name, pool]));
  const explanations = listeners.map((each) =>
    explainOne(each, pools.get(each.pool) as Pool, client, bytes, observe),
  );
  return { ok: true, explanations };
}

function explainOne(
  listener: Listener,
  pool: Pool,
  client: string,
  bytes: Uint8Array,
  observe: Observe | undefined,
): Explanation {
  const found = candidatesOf(pool, observe);
  const certainty = certaintyOf(found);
  const keys = pool.backends.map(backendKey);
  const name = (index: number): string => keys[index] as string;
  return {
    client,
    listener: { name: listener.name, listen: listener.listen.map(formatAddress), retries: listener.retries },
    pool: { name: pool.name, algorithm: pool.algorithm, panic_threshold: pool.panic_threshold },
    grounds: found.grounds,
    candidates: found.candidates,
    excluded: found.excluded,
    unknown: found.unknown,
    certainty,
    offers: offersOf(pool, found, bytes, listener.retries).map(name),
    next: certainty === 'exact' ? [] : nextOf(pool, found, bytes).map(name),
  };
}

/** One session that nobody can be connected for. */
function offersOf(pool: Pool, found: Candidates, client: Uint8Array, retries: number): readonly number[] {
  const rehearsal = createRehearsal(pool, found, SEED);
  const tried = new Set<number>();
  while (tried.size <= retries) {
    const index = rehearsal.pick(client, tried);
    if (index === undefined) break;
    tried.add(index);
  }
  return [...tried];
}

/** Sessions after the first, when all of them connect. */
function nextOf(pool: Pool, found: Candidates, client: Uint8Array): readonly number[] {
  const rehearsal = createRehearsal(pool, found, SEED);
  const picked: number[] = [];
  const none = new Set<number>();
  for (let n = 0; n <= NEXT; n += 1) {
    const index = rehearsal.pick(client, none);
    if (index === undefined) break;
    rehearsal.open(index);
    picked.push(index);
  }
  return picked.slice(1);
}

function certaintyOf({ plan, candidates }: Candidates): Certainty {
  if (candidates.length <= 1) return 'exact';
  switch (plan.kind) {
    case 'hash':
      return 'exact';
    case 'random':
    case 'two':
      return 'by-chance';
    case 'sequence':
    case 'least':
    case 'ewma':
      return 'cold-start';
    default: {
      const unreachable: never = plan.kind;
      throw new TypeError(`no such plan: ${String(unreachable)}`);
    }
  }
}
