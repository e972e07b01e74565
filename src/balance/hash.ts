// The one hash by which clients and backends are told apart: MurmurHash3, 32 bits, little-endian words.
// native/proxy/hash.h computes the same; test/fixtures/hash-vectors.json pins both, because two nodes that hash
// differently would send one client to two backends. Knows nothing of pools or plans.

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Seeds of successive attempts lie this far apart, so that their hashes have nothing in common. */
const ATTEMPT_STEP = 0x9e3779b9;

/** MurmurHash3_x86_32 of the bytes, as an unsigned 32-bit number. */
export function hashBytes(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.byteLength;
  const whole = size - (size % 4);
  let hash = seed | 0;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scramble(view.getInt32(at, true));
    hash = Math.imul(rotateLeft(hash, 13), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let at = size - 1; at >= whole; at -= 1) tail = (tail << 8) | view.getUint8(at);
  if (size > whole) hash ^= scramble(tail);
  hash ^= size;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The bytes that stand for a client: 4 for IPv4 and for IPv4 inside IPv6 (`::ffff:192.0.2.1`), 16 for other IPv6.
 * A zone (`%eth0`) does not count. Undefined when the text is no address.
 */
export function addressBytes(text: string): Uint8Array | undefined {
  const bare = text.replace(/%.*$/, '');
  if (isIP(bare) === 0) return undefined;
  return Uint8Array.from(ipaddr.process(bare).toByteArray());
}

/**
 * Where a client is looked up at the n-th attempt: 0 first, the next when that backend cannot be had.
 * Throws a TypeError when the text is no address.
 */
export function hashAddress(ip: string, attempt: number): number {
  const bytes = addressBytes(ip);
  if (bytes === undefined) throw new TypeError(`not an IP address: ${ip}`);
  return hashAttempt(bytes, attempt);
}

/** The same for bytes that `addressBytes` made. */
export function hashAttempt(client: Uint8Array, attempt: number): number {
  return hashBytes(client, Math.imul(attempt, ATTEMPT_STEP) >>> 0);
}

function scramble(word: number): number {
  return Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
