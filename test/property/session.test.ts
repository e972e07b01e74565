// Sessions under actions that chance picks, on either side: whatever is sent, paused, ended or reset in whatever order,
// what arrives is a prefix of what was sent, FIN comes behind the last byte only, and a reset never becomes a FIN.
// A failure prints the seed and the shortest sequence that fails. UB_LONG=1 tries more and longer ones.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import fc from 'fast-check';

import type { Binding, CoreHandle } from '#src/engine/binding.js';
import type { EngineEvent, SpliceMode } from '#src/engine/engine.js';
import { loadBinding } from '#src/engine/load.js';

import { until } from '../helpers/deadline.ts';
import { freePort } from '../helpers/machine.ts';
import { payload } from '../helpers/payload.ts';
import { relaySnapshot } from '../helpers/snapshot.ts';
import { connect, listen, type Backend, type Peer } from '../helpers/tcp-script.ts';

const LONG = process.env['UB_LONG'] === '1';

type Side = 'client' | 'backend';
type Action =
  | { readonly side: Side; readonly do: 'send'; readonly bytes: number }
  | { readonly side: Side; readonly do: 'fin' | 'rst' | 'pause' | 'resume' }
  | { readonly side: Side; readonly do: 'turn' };

const side = fc.constantFrom<Side>('client', 'backend');
const bytes = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1000, max: 70_000 }),
  fc.constant(1_500_000),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ side, do: fc.constant('send' as const), bytes }) },
  { weight: 3, arbitrary: fc.record({ side, do: fc.constantFrom('pause' as const, 'resume' as const) }) },
  { weight: 2, arbitrary: fc.record({ side, do: fc.constant('turn' as const) }) },
  { weight: 2, arbitrary: fc.record({ side, do: fc.constant('fin' as const) }) },
  { weight: 1, arbitrary: fc.record({ side, do: fc.constant('rst' as const) }) },
);

interface Engine {
  readonly port: number;
  readonly handle: CoreHandle;
  stopped: Promise<void>;
}

let binding: Binding;
let backend: Backend;
const engines = new Map<SpliceMode, Engine>();

before(async () => {
  const loaded = loadBinding();
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.message);
  binding = loaded.binding;
  backend = await listen();
  for (const splice of ['on', 'off'] as const) {
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const handle = binding.create((events: EngineEvent[]) => {
      if (events.some(({ type }) => type === 'stopped')) stop();
    });
    const port = await freePort();
    binding.apply(handle, relaySnapshot({ port, backendPort: backend.port, splice }));
    engines.set(splice, { port, handle, stopped });
  }
});

after(async () => {
  for (const { handle, stopped } of engines.values()) {
    binding.stop(handle);
    await stopped;
  }
  await backend.close();
});

/** What one side has done, and what it must see of the other. */
interface Actor {
  readonly peer: Peer;
  readonly seed: number;
  sent: number;
  did: 'nothing' | 'fin' | 'rst';
  /** It has ended in order, whatever it did after that. */
  ended: boolean;
}

function act(actor: Actor, what: Action): void {
  const { peer } = actor;
  if (actor.did === 'rst' || peer.socket.destroyed) return;
  switch (what.do) {
    case 'send':
      if (actor.did === 'fin') return;
      peer.socket.write(payload(actor.seed).at(actor.sent, what.bytes));
      actor.sent += what.bytes;
      return;
    case 'fin':
      actor.did = 'fin';
      actor.ended = true;
      peer.fin();
      return;
    case 'rst':
      // Bytes and FIN on their way from our own side come first, and may wait for ever: that is no reset then.
      if (actor.did === 'fin' && !peer.socket.writableFinished) return;
      actor.did = 'rst';
      peer.rst();
      return;
    case 'pause':
      peer.pause();
      return;
    case 'resume':
      peer.resume();
      return;
    case 'turn':
      return;
    default: {
      const unreachable: never = what;
      throw new TypeError(`no such action: ${JSON.stringify(unreachable)}`);
    }
  }
}

/** Throws where `reader` has seen what it must not; bytes themselves are compared as they come. */
function judge(reader: Actor, writer: Actor, name: string): void {
  const got = reader.peer.received();
  assert.ok(got <= writer.sent, `${name} got ${got} bytes of ${writer.sent}`);
  // A reader that had ended itself cannot tell the two for certain: its own connection is gone in either case.
  if (reader.peer.end() === 'fin' && !reader.ended) {
    assert.ok(writer.ended, `${name} saw FIN, and the other side did ${writer.did}`);
    assert.equal(got, writer.sent, `${name} saw FIN behind ${got} of ${writer.sent} bytes`);
  }
}

async function play(splice: SpliceMode, actions: readonly Action[]): Promise<void> {
  const engine = engines.get(splice);
  assert.ok(engine !== undefined);
  const clientPeer = await connect(engine.port);
  const client: Actor = { peer: clientPeer, seed: 1, sent: 0, did: 'nothing', ended: false };
  const served: Actor = { peer: await backend.accept(), seed: 2, sent: 0, did: 'nothing', ended: false };
  client.peer.verify(payload(2));
  served.peer.verify(payload(1));
  try {
    for (const what of actions) {
      act(what.side === 'client' ? client : served, what);
      // Some actions meet in one batch of events, some do not.
      if (what.do === 'turn') await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const actor of [client, served]) {
      act(actor, { side: 'client', do: 'resume' });
      const reset = client.did === 'rst' || served.did === 'rst';
      if (actor.did === 'nothing' && !reset) act(actor, { side: 'client', do: 'fin' });
    }
    const over = ({ peer, did }: Actor): boolean => did === 'rst' || peer.end() !== undefined;
    await until(
      () => over(client) && over(served),
      () => `both ends: client ${client.peer.end()}, backend ${served.peer.end()}`,
      15_000,
    );
    judge(client, served, 'the client');
    judge(served, client, 'the backend');
    if (client.did !== 'rst' && served.did !== 'rst') {
      assert.deepEqual([client.peer.end(), served.peer.end()], ['fin', 'fin'], 'nobody reset');
      assert.equal(client.peer.received(), served.sent);
      assert.equal(served.peer.received(), client.sent);
    }
  } finally {
    client.peer.close();
    served.peer.close();
    await until(
      () => binding.read(engine.handle).listeners.every(({ active }) => active === 0n),
      'the session is over',
    );
  }
}

for (const splice of ['on', 'off'] as const) {
  test(
    `bytes are a prefix, FIN is behind the last one, a reset stays one (splice ${splice})`,
    { timeout: LONG ? 3_600_000 : 120_000 },
    async () => {
      const actions = fc.array(action, { minLength: 1, maxLength: LONG ? 60 : 25 });
      await fc.assert(
        fc.asyncProperty(actions, (list) => play(splice, list)),
        {
          numRuns: LONG ? 3000 : 100,
          // A run that waits for what never comes is slow, and every shrunk one as slow.
          endOnFailure: !LONG,
        },
      );
    },
  );
}

test('after all of that the counters add up, and nothing is held', () => {
  for (const { handle } of engines.values()) {
    const { listeners, workers } = binding.read(handle);
    for (const { active, accepted, closed } of listeners) {
      assert.equal(active, 0n);
      assert.equal(
        closed.reduce((sum, count) => sum + count, 0n),
        accepted,
      );
    }
    for (const worker of workers) {
      assert.equal(worker.sessions, 0n);
      assert.equal(worker.pipesBorrowed, 0n);
    }
  }
});
