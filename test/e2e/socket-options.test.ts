// Options of the config are options of sockets: read back from the kernel, on both sides of a session.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { at, pair, type Pair } from '../helpers/balancer.ts';
import { until } from '../helpers/deadline.ts';
import { ss } from '../helpers/machine.ts';
import { freePort } from '../helpers/machine.ts';
import { connect } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

interface Sides {
  readonly client: string;
  readonly backend: string;
}

/** What the kernel says of the balancer's two sockets of a session. */
async function socketsOf({ client, peer, lb }: Pick<Pair, 'client' | 'peer' | 'lb'>): Promise<Sides> {
  return {
    client: await ss(`sport = :${lb.port} and dport = :${client.socket.localPort}`),
    backend: await ss(`sport = :${peer.socket.remotePort} and dport = :${peer.socket.localPort}`),
  };
}

const sides = (seen: Sides): [string, string][] => [
  ['client', seen.client],
  ['backend', seen.backend],
];

inOneMode('keep_alive arms the probe timer on both sides, or on none', async (lab) => {
  const kept = await pair(lab, { connection_settings: { keep_alive: true, keep_alive_timeout: 40 } });
  // A backend's socket has it once the session has lasted for a moment.
  await until(
    async () => sides(await socketsOf(kept)).every(([, text]) => /timer:\(keepalive,(3[0-9]|40)/.test(text)),
    'the timer of both sides',
  );
  const off = await socketsOf(await pair(lab, { connection_settings: { keep_alive: false } }));
  for (const [side, text] of sides(off)) assert.doesNotMatch(text, /keepalive/, `${side}: ${text}`);
});

inOneMode('congestion_control is taken over where the kernel has it', async (lab) => {
  const usual = readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
  const other = readFileSync('/proc/sys/net/ipv4/tcp_allowed_congestion_control', 'utf8')
    .split(/\s+/)
    .find((name) => name !== usual && name !== '');
  const wanted = other ?? usual;
  const seen = await socketsOf(await pair(lab, { connection_settings: { congestion_control: wanted } }));
  for (const [side, text] of sides(seen))
    assert.match(text, new RegExp(`\\b${wanted}\\b`), `${side}: ${text}`);
});

inOneMode('receive_buffer and send_buffer are what the kernel doubles', async (lab) => {
  const seen = await socketsOf(
    await pair(lab, { connection_settings: { receive_buffer: 50_000, send_buffer: 30_000 } }),
  );
  for (const [side, text] of sides(seen)) {
    assert.match(text, /\brb100000\b/, `${side}: ${text}`);
    assert.match(text, /\btb60000\b/, `${side}: ${text}`);
  }
});

inOneMode('a listener and a pool have options of their own', async (lab) => {
  const backend = await lab.backend();
  const port = await freePort();
  const lb = await lab.start({
    listeners: {
      l: { listen: `127.0.0.1:${port}`, pool: 'p', connection_settings: { receive_buffer: 40_000 } },
    },
    pools: { p: { backends: [at(backend)], connection_settings: { receive_buffer: 80_000 } } },
  });
  const client = await lb.connect({ port });
  const peer = await backend.accept();
  assert.match(await ss(`sport = :${port} and dport = :${client.socket.localPort}`), /\brb80000\b/);
  assert.match(await ss(`sport = :${peer.socket.remotePort} and dport = :${backend.port}`), /\brb160000\b/);
});

inOneMode('the backlog is the one of the config, for each worker', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], backlog: 77, workers: 2 });
  const listening = (await ss(`-l sport = :${lb.port}`)).match(/^LISTEN\s+0\s+77\b/gm) ?? [];
  assert.equal(listening.length, 2);
});

inOneMode('tcp_defer_accept: a silent client is not a session until it speaks', async (lab) => {
  const backend = await lab.backend();
  const lb = await lab.start({ backends: [at(backend)], connection_settings: { tcp_defer_accept: 30 } });
  const client = await lb.connect();
  await backend.expectNobody(250);
  await client.send('now');
  await (await backend.accept()).expect('now');
});

inOneMode('an IPv6 listener serves IPv6 clients, over IPv4 backends as well', async (lab) => {
  const backend = await lab.backend();
  const port = await freePort('::1');
  const lb = await lab.start({ listen: `[::1]:${port}`, backends: [at(backend)] });
  const client = await connect(port, { host: '::1' });
  lab.atEnd(client.close);
  await client.send('six');
  const peer = await backend.accept();
  await peer.expect('six');
  client.fin();
  await peer.expectFin();
  peer.fin();
  await client.expectFin();
  await lb.untilMetric('active_connections', 0);
});
