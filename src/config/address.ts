// Addresses as people write them: where to listen (numeric only, a bare port is every address) and whom to connect to
// (numeric or a name). Also what it means for two of them to collide. Resolves nothing: names are for discovery.

import ipaddr from 'ipaddr.js';

import type { HostPort } from './config.ts';

/** What listening on every address of both families is called. */
export const EVERY_ADDRESS = '::';

export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** `8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `*:8080`. The problem is a phrase for people. */
export function parseListen(value: unknown): Parsed<HostPort> {
  if (typeof value === 'number') return withPort(EVERY_ADDRESS, value);
  if (typeof value !== 'string')
    return no('expected a port, or an address and a port such as 127.0.0.1:8080');
  const text = value.trim();
  if (/^\d+$/.test(text)) return withPort(EVERY_ADDRESS, Number(text));
  const bracketed = /^\[([^[\]]*)\]:(.*)$/.exec(text);
  if (bracketed) {
    const [, host = '', port = ''] = bracketed;
    if (!isIPv6(host)) return no(`'${host}' is not an IPv6 address`);
    return withPort(host, port);
  }
  if (text.includes('[') || text.includes(']'))
    return no('write an IPv6 address as [::1]:8080, with quotes around it');
  const colon = text.lastIndexOf(':');
  if (colon < 0) return no('expected an address and a port such as 127.0.0.1:8080, or a port alone');
  const host = text.slice(0, colon);
  if (host.includes(':')) return no('write an IPv6 address in brackets and quotes: "[::1]:8080"');
  return listenHost(host, text.slice(colon + 1));
}

function listenHost(host: string, port: string): Parsed<HostPort> {
  if (host === '') return no('the address is missing');
  if (host === '*') return withPort(EVERY_ADDRESS, port);
  if (host.toLowerCase() === 'localhost') return withPort('127.0.0.1', port);
  if (isIPv4(host)) return withPort(host, port);
  if (/^[\d.]+$/.test(host)) return no(`'${host}' is not an IPv4 address`);
  return no(`'${host}' is a name: listening takes an address (a name may change what it means)`);
}

function withPort(host: string, port: number | string): Parsed<HostPort> {
  const number = typeof port === 'number' ? port : /^\d{1,5}$/.test(port) ? Number(port) : NaN;
  if (!isPort(number)) return no('the port must be a whole number from 1 to 65535');
  return { ok: true, value: { host, port: number } };
}

function no(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}

export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}

/** In the four-part form only: what `inet_pton` takes, nothing more generous. */
export function isIPv4(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) && !/(^|\.)0\d/.test(host) && ipaddr.IPv4.isValid(host);
}

/** Without brackets and without a zone, which the data plane does not know. */
export function isIPv6(host: string): boolean {
  return !host.includes('%') && ipaddr.IPv6.isValid(host);
}

export function isNumericHost(host: string): boolean {
  return isIPv4(host) || isIPv6(host);
}

/** Why this is no host to connect to, as a phrase for people; undefined when it is one. */
export function hostProblem(host: string): string | undefined {
  if (isNumericHost(host)) return undefined;
  if (host === '') return 'it is empty';
  if (/^\[.*\]$/.test(host)) return 'write an IPv6 address without brackets here, in quotes: "::1"';
  if (host.includes('%')) return 'addresses with a zone are not supported';
  if (/^[^:]*:\d+$/.test(host)) return "the port goes into 'port'";
  if (host.includes(':')) return 'it is not an IPv6 address';
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  if (name.length > 253) return 'a name has at most 253 characters';
  const labels = name.split('.');
  if (/^\d+$/.test(labels.at(-1) ?? '')) return 'it is not an IPv4 address';
  if (!labels.every((label) => LABEL.test(label)))
    return 'it is neither an address nor a name that DNS could have';
  return undefined;
}

/** `host:port`, with brackets around IPv6: what logs, metrics and the config call an address or a backend. */
export function formatAddress(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** One spelling for all spellings of a host: names in lower case, addresses as short as they get, mapped ones as IPv4. */
export function canonicalHost(host: string): string {
  if (!isNumericHost(host)) return host.toLowerCase().replace(/\.$/, '');
  const address = ipaddr.process(host);
  return address.toString();
}

export interface AddressOwner<T> {
  readonly address: HostPort;
  readonly owner: T;
}

/** Addresses that are listened on, and whose. Every question costs the same however many there are. */
export interface AddressTable<T> {
  /** The first that is added for an address stays its owner. */
  add(address: HostPort, owner: T): void;
  /** Who listens on the same address, on one that covers it, or on one that it covers. */
  colliding(address: HostPort): AddressOwner<T> | undefined;
  /**
   * Who surely answers a connection to `target`. Only what is certain from the text counts: names other than localhost
   * and this machine's further addresses are not looked up.
   */
  answering(target: HostPort): AddressOwner<T> | undefined;
}

export function createAddressTable<T>(): AddressTable<T> {
  /** By port, then by canonical host; under two names that no host can have, the first of IPv4 and the first of all. */
  const ports = new Map<number, Map<string, AddressOwner<T>>>();

  function add(address: HostPort, owner: T): void {
    const hosts = ports.get(address.port) ?? new Map<string, AddressOwner<T>>();
    ports.set(address.port, hosts);
    const host = canonicalHost(address.host);
    for (const name of isIPv4(host) ? [host, FIRST_IPV4, FIRST] : [host, FIRST]) {
      if (!hosts.has(name)) hosts.set(name, { address, owner });
    }
  }

  function colliding(address: HostPort): AddressOwner<T> | undefined {
    const hosts = ports.get(address.port);
    const host = canonicalHost(address.host);
    if (host === '::') return hosts?.get(FIRST);
    const covered = host === '0.0.0.0' ? hosts?.get(FIRST_IPV4) : hosts?.get(host);
    return covered ?? hosts?.get('::') ?? (isIPv4(host) ? hosts?.get('0.0.0.0') : undefined);
  }

  function answering(target: HostPort): AddressOwner<T> | undefined {
    const hosts = ports.get(target.port);
    // Connecting to the unspecified address is connecting to this machine.
    const host = HERE.get(canonicalHost(target.host)) ?? canonicalHost(target.host);
    const own = hosts?.get(host);
    if (own || !isLoopback(host)) return own;
    return (isIPv4(host) ? hosts?.get('0.0.0.0') : undefined) ?? hosts?.get('::');
  }

  return { add, colliding, answering };
}

const FIRST = '*';
const FIRST_IPV4 = '*4';
const HERE: ReadonlyMap<string, string> = new Map([
  ['localhost', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

function isLoopback(host: string): boolean {
  return isNumericHost(host) && ipaddr.process(host).range() === 'loopback';
}
