// Picks as a worker would make them from a given state: the same turns, places and loads as native/proxy/picker, played
// without a connection. Draws come from a generator with a seed, so that the same question has the same answer.

import type { Pool } from '../config/config.ts';
import { createPicker } from '../balance/pick.ts';
import type { Candidates } from './candidates.ts';

export interface Rehearsal {
  /** The backend that the next session is offered to, as an index; `tried` are those that could not be connected to. */
  pick(client: Uint8Array, tried: ReadonlySet<number>): number | undefined;
  /** A session has been opened there, and stays. */
  open(index: number): void;
}

export function createRehearsal(
  pool: Pool,
  { plan, candidates, loads }: Candidates,
  seed: number,
): Rehearsal {
  const usable = new Set(candidates.map((candidate) => candidate.index));
  const open = [...loads];
  const random = createRandom(seed);
  const byLoad = plan.kind === 'least' || plan.kind === 'ewma';
  const places = new Map(plan.members.map((index, at) => [index, at]));
  const picker = createPicker(plan);
  let cursor = 0;

  /** Least sessions by weight, once this one is there. Nobody is known to be quicker, and the idle are asked first. */
  function cost(index: number): number {
    const sessions = open[index] ?? 0;
    if (plan.kind === 'ewma' && sessions === 0) return 0;
    return (sessions + 1) / (pool.backends[index]?.weight ?? 1);
  }

  return {
    pick(client, tried) {
      const request = {
        client,
        usable: (index: number) => usable.has(index) && !tried.has(index),
        cost,
        random,
      };
      if (!byLoad) return picker.pick(request);
      const picked = createPicker(plan, cursor).pick(request);
      if (picked !== undefined) cursor = (places.get(picked) ?? 0) + 1;
      return picked;
    },
    open(index) {
      open[index] = (open[index] ?? 0) + 1;
    },
  };
}

/** 0 (included) to 1 (excluded), the same sequence for the same seed: Mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
