// The short forms of what scripts/prove.sh does for minutes: nothing is lost by reloads under load, nor while the control
// plane stands still.

import { test, type TestContext } from 'node:test';

import { scenario } from '../helpers/balancer.ts';
import { proveFrozen } from '../proofs/frozen.ts';
import { skip } from '../proofs/load.ts';
import type { Proof } from '../proofs/proof.ts';
import { migrates, proveQueue } from '../proofs/queue.ts';
import { proveReloads } from '../proofs/reloads.ts';
import { proveUpgrades } from '../proofs/upgrades.ts';

function proof(name: string, made: Proof, why: string | false = skip): void {
  test(name, { timeout: 180_000, skip: why }, (t: TestContext) =>
    scenario(async (lab) => {
      const { figures } = await made(lab, () => undefined);
      t.diagnostic(figures.map(({ what, value }) => `${what}: ${value}`).join('; '));
    }),
  );
}

const load = { connections: 8, streams: 8, bytesPerSecond: 4e6, backends: 8 };

proof(
  'thirty reloads under load: no connection fails, no stream has a wrong byte',
  proveReloads({ ...load, reloads: 30, leastConnections: 20_000, ctlEvery: 5, patienceMs: 90_000 }),
);

proof(
  'the control plane stands still for five seconds: everybody is served, and it catches up',
  proveFrozen({ ...load, seconds: 5 }),
);

proof(
  'four upgrades under load: no connection fails, no stream has a wrong byte',
  proveUpgrades({ ...load, upgrades: 4 }),
);

const moved = migrates() && 'this host moves waiting clients by itself (net.ipv4.tcp_migrate_req)';
for (const splice of ['on', 'off', 'auto'] as const) {
  proof(
    `clients in the queues of workers that go are served, five times over (splice ${splice})`,
    proveQueue({ rounds: 5, splice }),
    moved,
  );
}
