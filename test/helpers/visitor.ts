// Clients that come one after the other, each with bytes of its own, half-close, and compare what comes back.

import assert from 'node:assert/strict';

import { payload } from './payload.ts';
import type { Running } from './running.ts';

export interface Crowd {
  /** How many were served, by all visitors. */
  served: number;
  /** Nobody else is to come. */
  done: boolean;
}

/** Until the crowd is done; what is served wrongly rejects. */
export async function visitor(lb: Pick<Running, 'connect'>, seed: number, crowd: Crowd): Promise<void> {
  while (!crowd.done) {
    const bytes = payload(seed).at(crowd.served, 700);
    const client = await lb.connect();
    client.socket.write(bytes);
    client.fin();
    await client.expectFin();
    assert.deepEqual(client.rest(), bytes);
    client.close();
    crowd.served += 1;
  }
}
