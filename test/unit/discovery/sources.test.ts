// The sources of this host against a DNS server that answers by script, over UDP on loopback.

import assert from 'node:assert/strict';
import { type RemoteInfo, createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, describe, it } from 'node:test';
import { createDiscovery } from '#src/discovery/dns.js';
import type { Sources } from '#src/discovery/resolve.js';
import { createSystemSources } from '#src/discovery/sources.js';
import { systemTime } from '#src/health/time.js';
import { until } from '../health/fake-time.ts';

interface ScriptedAnswer {
  readonly rcode?: number;
  readonly a?: readonly string[];
  readonly ttl?: number;
  /** Instead of an answer. */
  readonly raw?: Buffer;
}

interface ScriptedServer {
  readonly sources: Sources;
  readonly questions: string[];
  answer: (name: string, type: number) => ScriptedAnswer | undefined;
}

const A = 1;

async function openServer(t: TestContext): Promise<ScriptedServer> {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const made: ScriptedServer = {
    sources: createSystemSources({ servers: [`127.0.0.1:${socket.address().port}`], hostsFile: '/dev/null' }),
    questions: [],
    answer: () => ({}),
  };
  socket.on('message', (query: Buffer, from: RemoteInfo) => {
    const { name, type, end } = question(query);
    made.questions.push(`${name} ${type}`);
    const said = made.answer(name, type);
    if (said === undefined) return;
    socket.send(said.raw ?? reply(query.subarray(0, end), said), from.port, from.address);
  });
  return made;
}

function question(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let size = query.readUInt8(at); size > 0; size = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + size));
    at += 1 + size;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function reply(asked: Buffer, { rcode = 0, a = [], ttl = 60 }: ScriptedAnswer): Buffer {
  const head = Buffer.from(asked);
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(a.length, 6);
  head.writeUInt32BE(0, 8);
  const records = a.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(4, 10);
    Buffer.from(address.split('.').map(Number)).copy(record, 12);
    return record;
  });
  return Buffer.concat([head, ...records]);
}

const never = new AbortController().signal;

describe('the DNS source', () => {
  it('gives addresses with their lifetime', async (t) => {
    const server = await openServer(t);
    server.answer = (_name, type) => (type === A ? { a: ['192.0.2.1', '192.0.2.2'], ttl: 77 } : {});
    assert.deepEqual(await server.sources.dns('db.example', 4, never), {
      kind: 'found',
      records: [
        { address: '192.0.2.1', ttlMs: 77_000 },
        { address: '192.0.2.2', ttlMs: 77_000 },
      ],
    });
    assert.equal((await server.sources.dns('db.example', 6, never)).kind, 'none');
  });

  it('tells a name that is not there from a server that fails', async (t) => {
    const server = await openServer(t);
    server.answer = (name) => ({ rcode: name === 'none.example' ? 3 : 2 });
    assert.deepEqual(await server.sources.dns('none.example', 4, never), {
      kind: 'none',
      reason: 'ENOTFOUND',
    });
    assert.deepEqual(await server.sources.dns('ill.example', 4, never), {
      kind: 'failed',
      reason: 'ESERVFAIL',
      timedOut: false,
    });
  });

  it('survives garbage and gives it up when told', async (t) => {
    const server = await openServer(t);
    const garbage = [Buffer.alloc(0), Buffer.from('garbage'), Buffer.alloc(512, 0xc0)];
    server.answer = () => ({ raw: garbage.shift() ?? Buffer.alloc(3) });
    const ending = new AbortController();
    const asked = server.sources.dns('db.example', 4, ending.signal);
    await until(() => server.questions.length > 0, 'no question came');
    ending.abort();
    assert.equal((await asked).kind, 'failed');
  });

  it('is silent no longer than it is told to be', async (t) => {
    const server = await openServer(t);
    server.answer = () => undefined;
    const ending = new AbortController();
    const asked = server.sources.dns('db.example', 4, ending.signal);
    await until(() => server.questions.length > 0, 'no question came');
    ending.abort();
    assert.deepEqual(await asked, { kind: 'failed', reason: 'ECANCELLED', timedOut: true });
    assert.equal((await server.sources.dns('db.example', 4, ending.signal)).kind, 'failed');
  });

  it('fails for a name that no server can be asked for', async (t) => {
    const server = await openServer(t);
    for (const name of ['', 'a'.repeat(70), `${'a.'.repeat(200)}example`, 'with space']) {
      const answer = await server.sources.dns(name, 4, AbortSignal.timeout(300));
      assert.notEqual(answer.kind, 'found', name);
    }
  });
});

describe('the hosts source', () => {
  it('reads the file, in any case, and does without one', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hosts-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const hostsFile = join(folder, 'hosts');
    let now = 0;
    const { hosts } = createSystemSources({ hostsFile, now: () => now });
    assert.deepEqual(await hosts('db'), []);
    writeFileSync(hostsFile, '192.0.2.7 DB\n');
    now = 2000;
    assert.deepEqual(await hosts('Db'), ['192.0.2.7']);
  });
});

describe('the library source', () => {
  it('finds localhost, and ends when it is told to', async () => {
    const { lookup } = createSystemSources();
    const answer = await lookup('localhost', never);
    assert.ok(answer.kind === 'found' && answer.records.every(({ address }) => /^127\.|^::1$/.test(address)));
    const ended = AbortSignal.abort();
    assert.deepEqual(await lookup('localhost', ended), {
      kind: 'failed',
      reason: 'ETIMEOUT',
      timedOut: true,
    });
    const many = await Promise.all(Array.from({ length: 10 }, () => lookup('localhost', never)));
    assert.ok(
      many.every(({ kind }) => kind === 'found'),
      'everybody has a turn',
    );
  });
});

describe('all together', () => {
  it('follows a name through a change and an outage', async (t) => {
    const server = await openServer(t);
    let address = '192.0.2.1';
    let rcode = 0;
    server.answer = (_name, type) => (rcode === 0 && type === A ? { a: [address], ttl: 0 } : { rcode });
    const events: string[] = [];
    const discovery = createDiscovery({
      settings: { min_ttl: 1000, max_ttl: 1000, timeout: 2000 },
      sources: server.sources,
      time: systemTime,
      random: () => 0,
      onEvent: (event) => events.push(event.type),
    });
    t.after(() => discovery.stop());
    const { addresses } = await discovery.resolveAll(['db.example'], 5000);
    assert.equal(addresses.get('db.example'), '192.0.2.1');
    address = '192.0.2.2';
    await until(() => discovery.addressOf('db.example') === '192.0.2.2', 'the change is not seen', 5000);
    rcode = 3;
    await until(() => events.at(-1) === 'failed', 'the outage is not seen', 8000);
    assert.equal(discovery.addressOf('db.example'), '192.0.2.2');
  });
});
