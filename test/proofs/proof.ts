// What a proof is: a claim, and figures that were counted while nothing spoke against it. One that fails throws.

import type { Case } from '../helpers/balancer.ts';

export interface Figure {
  readonly what: string;
  readonly value: string | number;
}

export interface Proven {
  readonly title: string;
  /** What was done, in a sentence or two, for whoever reads the page. */
  readonly done: string;
  readonly figures: readonly Figure[];
}

/** For people who wait. */
export type Tell = (line: string) => void;

export type Proof = (lab: Case, tell: Tell) => Promise<Proven>;

/** At most so often. */
export function everySoOften(tell: Tell, ms = 5000): Tell {
  let last = Number.NEGATIVE_INFINITY;
  return (line) => {
    const now = performance.now();
    if (now < last + ms) return;
    last = now;
    tell(line);
  };
}
