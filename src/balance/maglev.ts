// A consistent table after Google's Maglev (NSDI 2016), with weights: each backend has its own order of preference over
// the places, and in turn each takes the best one that is free. The table depends on the set of keys and weights alone,
// not on their order in the file, so that every node computes the same one. Pure.

import { hashBytes } from './hash.ts';
import { smoothSequence } from './sequence.ts';

/** Places in a table: a prime, so that every step width visits all of them; 64 Ki keeps the table in two bytes. */
export const MAGLEV_SIZE = 65_537;

const OFFSET_SEED = 0x5bd1e995;
const SKIP_SEED = 0x27d4eb2f;

export interface MaglevEntry {
  /** What the backend is known by everywhere: `host:port`. */
  readonly key: string;
  /** A positive integer. */
  readonly weight: number;
  /** What the table shall hold for it, below 65,536. */
  readonly value: number;
}

/** Fills a table with the entries' values, empty when there are no entries. */
export function maglevTable(entries: readonly MaglevEntry[]): Uint16Array {
  if (entries.length === 0) return new Uint16Array(0);
  const sorted = [...entries].sort((a, b) => compare(a.key, b.key));
  const encoder = new TextEncoder();
  const bytes = sorted.map((entry) => encoder.encode(entry.key));
  const place = Uint32Array.from(bytes, (key) => hashBytes(key, OFFSET_SEED) % MAGLEV_SIZE);
  const skip = Uint32Array.from(bytes, (key) => (hashBytes(key, SKIP_SEED) % (MAGLEV_SIZE - 1)) + 1);
  const values = Uint16Array.from(sorted, (entry) => entry.value);
  const table = new Uint16Array(MAGLEV_SIZE);
  const taken = new Uint8Array(MAGLEV_SIZE);
  // The smooth order gives each its share of the turns at every moment, not only at the end of a cycle.
  const turns = smoothSequence(sorted.map((entry) => entry.weight));
  for (let filled = 0; filled < MAGLEV_SIZE; filled += 1) {
    const who = turns[filled % turns.length] as number;
    let at = place[who] as number;
    const step = skip[who] as number;
    while (taken[at] === 1) {
      at += step;
      if (at >= MAGLEV_SIZE) at -= MAGLEV_SIZE;
    }
    taken[at] = 1;
    table[at] = values[who] as number;
    place[who] = at;
  }
  return table;
}

/** By UTF-16 code units: the same on every machine, which a locale's order is not. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
