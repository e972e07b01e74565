// How a worker picks from a plan, in TypeScript: for explanations, simulations and tests. native/proxy/picker is what
// serves; where both see the same cursor, draws and loads they agree. Never on the path of a session.

import type { Plan } from '../engine/engine.ts';
import { hashAttempt } from './hash.ts';

/** Places a client is looked for in the table before the members are walked one by one. */
const HASH_ATTEMPTS = 16;

export interface PickRequest {
  /** The client as `addressBytes` gives it; only `hash` asks. */
  readonly client?: Uint8Array;
  /** Whether a member may be taken: not tried before in this session and not full. */
  readonly usable: (index: number) => boolean;
  /** What `least`, `ewma` and `two` want little of, such as sessions per weight. */
  readonly cost?: (index: number) => number;
  /** 0 (included) to 1 (excluded); `random` and `two` ask. */
  readonly random?: () => number;
}

export interface Picker {
  /** An index into the pool's backends, or undefined when no member is usable. */
  pick(request: PickRequest): number | undefined;
}

/** Picks from one plan; `cursor` is where its turn stands. */
export function createPicker(plan: Plan, cursor: number = 0): Picker {
  const members = new Set(plan.members);
  const { table } = plan;

  function walk(
    list: Uint16Array | readonly number[],
    start: number,
    usable: PickRequest['usable'],
  ): number | undefined {
    for (let n = 0; n < list.length; n += 1) {
      const index = list[(start + n) % list.length] as number;
      if (members.has(index) && usable(index)) return index;
    }
    return undefined;
  }

  function byHash(client: Uint8Array, usable: PickRequest['usable']): number | undefined {
    if (table.length === 0) return undefined;
    for (let attempt = 0; attempt < HASH_ATTEMPTS; attempt += 1) {
      const index = table[hashAttempt(client, attempt) % table.length] as number;
      if (members.has(index) && usable(index)) return index;
    }
    return walk(plan.members, hashAttempt(client, 0) % plan.members.length, usable);
  }

  /** Ties go to whoever comes first after the cursor, so that equals take turns. */
  function cheapest(usable: PickRequest['usable'], cost: (index: number) => number): number | undefined {
    let best: number | undefined;
    const start = cursor++;
    for (let n = 0; n < plan.members.length; n += 1) {
      const index = plan.members[(start + n) % plan.members.length] as number;
      if (usable(index) && (best === undefined || cost(index) < cost(best))) best = index;
    }
    return best;
  }

  function draw(random: () => number): number {
    return Math.min(Math.floor(random() * table.length), table.length - 1);
  }

  return {
    pick({ client = new Uint8Array(0), usable, cost = () => 0, random = Math.random }) {
      if (plan.members.length === 0) return undefined;
      switch (plan.kind) {
        case 'sequence':
          return walk(table, cursor++, usable);
        case 'random':
          return walk(table, draw(random), usable);
        case 'two': {
          const one = walk(table, draw(random), usable);
          const other = walk(table, draw(random), (index) => index !== one && usable(index)) ?? one;
          if (one === undefined || other === undefined) return one;
          return cost(other) < cost(one) ? other : one;
        }
        case 'hash':
          return byHash(client, usable);
        case 'least':
        case 'ewma':
          return cheapest(usable, cost);
        default: {
          const unreachable: never = plan.kind;
          throw new TypeError(`no such plan: ${String(unreachable)}`);
        }
      }
    },
  };
}
