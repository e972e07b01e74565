// One name, once: the hosts file, then DNS for its lifetime, then the C library for whatever else this host knows
// (search domains, mDNS). Sources are passed in. A name that does not resolve is a value, never an exception.

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface AddressRecord {
  readonly address: string;
  /** How long it may be believed; undefined where the source does not say. */
  readonly ttlMs: number | undefined;
}

export type SourceAnswer =
  | { readonly kind: 'found'; readonly records: readonly AddressRecord[] }
  /** The name, or this family of it, does not exist. */
  | { readonly kind: 'none'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly timedOut: boolean };

/** None of them rejects, and each ends when the signal aborts. */
export interface Sources {
  hosts(name: string): Promise<readonly string[]>;
  dns(name: string, family: 4 | 6, signal: AbortSignal): Promise<SourceAnswer>;
  lookup(name: string, signal: AbortSignal): Promise<SourceAnswer>;
}

export type Resolution =
  | { readonly ok: true; readonly address: string; readonly ttlMs: number | undefined }
  | { readonly ok: false; readonly reason: string };

/**
 * One address for the name. The current one stays while it is among the answers, whatever their order; else IPv4 is
 * preferred to IPv6, and the first of several is taken.
 */
export async function resolveName(
  name: string,
  current: string | undefined,
  sources: Sources,
  signal: AbortSignal,
): Promise<Resolution> {
  const local = await sources.hosts(name);
  const fromHosts = choose(
    local.map((address) => ({ address, ttlMs: undefined })),
    current,
  );
  if (fromHosts !== undefined) return fromHosts;

  const answer = await askDns(name, current, sources, signal);
  const fromDns = answer.kind === 'found' ? choose(answer.records, current) : undefined;
  if (fromDns !== undefined) return fromDns;
  const reason = answer.kind === 'found' ? 'no usable address' : answer.reason;
  // The C library would ask the same servers again and wait even longer.
  if (answer.kind === 'failed' && answer.timedOut) return { ok: false, reason };

  const other = await sources.lookup(name, signal);
  const fromLookup = other.kind === 'found' ? choose(other.records, current) : undefined;
  return fromLookup ?? { ok: false, reason };
}

/** The family of the current address first: the other one matters only when that is gone. */
async function askDns(
  name: string,
  current: string | undefined,
  sources: Sources,
  signal: AbortSignal,
): Promise<SourceAnswer> {
  const keepsIpv6 = current !== undefined && isIP(current) === 6;
  const first = await sources.dns(name, keepsIpv6 ? 6 : 4, signal);
  if (first.kind === 'failed') return first;
  if (first.kind === 'found') {
    const isKept = first.records.some(({ address }) => address === current);
    if (isKept || (!keepsIpv6 && choose(first.records, current) !== undefined)) return first;
  }
  const second = await sources.dns(name, keepsIpv6 ? 4 : 6, signal);
  return second.kind !== 'found' && first.kind === 'found' ? first : second;
}

function choose(records: readonly AddressRecord[], current: string | undefined): Resolution | undefined {
  const usable = records.filter(({ address }) => isUsable(address));
  const record =
    usable.find(({ address }) => address === current) ??
    usable.find(({ address }) => isIP(address) === 4) ??
    usable[0];
  return record === undefined ? undefined : { ok: true, ...record };
}

/** Resolvers that block a name often answer 0.0.0.0, which would connect to this very host. */
function isUsable(address: string): boolean {
  if (isIP(address) === 0) return false;
  const range = ipaddr.process(address.replace(/%.*$/, '')).range();
  return range !== 'unspecified' && range !== 'broadcast' && range !== 'multicast';
}
