// Cases of the data path run once with every byte spliced that can be, and once with every byte copied: what peers see
// must be the same.

import { test } from 'node:test';

import { scenario, type Case } from '../helpers/balancer.ts';

export type Splice = 'on' | 'off';

export function inBothModes(name: string, body: (lab: Case, splice: Splice) => Promise<void>): void {
  for (const splice of ['on', 'off'] as const) {
    test(`${name} (splice ${splice})`, { timeout: 60_000 }, () => scenario((lab) => body(lab, splice)));
  }
}

export function inOneMode(name: string, body: (lab: Case) => Promise<void>): void {
  test(name, { timeout: 60_000 }, () => scenario(body));
}

/** Longer runs for those who ask for them. */
export const LONG: boolean = process.env['UB_LONG'] === '1';
