// Which address a name gets, source by source, and the hosts file.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseHosts } from '#src/discovery/hosts.js';
import { type Resolution, type SourceAnswer, type Sources, resolveName } from '#src/discovery/resolve.js';

const none: SourceAnswer = { kind: 'none', reason: 'ENOTFOUND' };
const failed: SourceAnswer = { kind: 'failed', reason: 'ESERVFAIL', timedOut: false };
const timedOut: SourceAnswer = { kind: 'failed', reason: 'ETIMEOUT', timedOut: true };

function found(...addresses: string[]): SourceAnswer {
  return { kind: 'found', records: addresses.map((address, at) => ({ address, ttlMs: (at + 1) * 1000 })) };
}

interface Script {
  readonly hosts?: readonly string[];
  readonly a?: SourceAnswer;
  readonly aaaa?: SourceAnswer;
  readonly lookup?: SourceAnswer;
  readonly current?: string;
}

async function run({ hosts = [], a = none, aaaa = none, lookup = none, current }: Script): Promise<{
  readonly result: Resolution;
  readonly asked: string;
}> {
  const asked: string[] = [];
  const sources: Sources = {
    hosts: () => Promise.resolve(hosts),
    dns(_name, family) {
      asked.push(family === 4 ? 'a' : 'aaaa');
      return Promise.resolve(family === 4 ? a : aaaa);
    },
    lookup() {
      asked.push('lookup');
      return Promise.resolve(lookup);
    },
  };
  const result = await resolveName('db.example', current, sources, new AbortController().signal);
  return { result, asked: asked.join(' ') };
}

const address = ({ result }: { readonly result: Resolution }): string =>
  result.ok ? result.address : `none: ${result.reason}`;

describe('resolveName', () => {
  it('takes the hosts file before DNS', async () => {
    const one = await run({ hosts: ['::1', '127.0.0.1'], a: found('192.0.2.1') });
    assert.deepEqual(one, { result: { ok: true, address: '127.0.0.1', ttlMs: undefined }, asked: '' });
  });

  it('takes the first IPv4 address and its lifetime, and asks for IPv6 only when there is none', async () => {
    const one = await run({ a: found('192.0.2.1', '192.0.2.2'), aaaa: found('2001:db8::1') });
    assert.deepEqual(one, { result: { ok: true, address: '192.0.2.1', ttlMs: 1000 }, asked: 'a' });
    const other = await run({ aaaa: found('2001:db8::1') });
    assert.deepEqual([address(other), other.asked], ['2001:db8::1', 'a aaaa']);
  });

  it('keeps the current address while it is among the answers, wherever', async () => {
    const one = await run({ a: found('192.0.2.1', '192.0.2.2', '192.0.2.3'), current: '192.0.2.2' });
    assert.deepEqual(one.result, { ok: true, address: '192.0.2.2', ttlMs: 2000 });
    assert.equal(address(await run({ a: found('192.0.2.1'), current: '192.0.2.9' })), '192.0.2.1');
  });

  it('keeps an IPv6 address although IPv4 is there now, and goes to IPv4 when it is gone', async () => {
    const one = await run({ a: found('192.0.2.1'), aaaa: found('2001:db8::1'), current: '2001:db8::1' });
    assert.deepEqual([address(one), one.asked], ['2001:db8::1', 'aaaa']);
    const gone = await run({ a: found('192.0.2.1'), aaaa: found('2001:db8::2'), current: '2001:db8::1' });
    assert.equal(address(gone), '192.0.2.1');
    assert.equal(address(await run({ aaaa: found('2001:db8::2'), current: '2001:db8::1' })), '2001:db8::2');
  });

  it('asks the library for what DNS does not know or will not tell, but not when DNS is silent', async () => {
    for (const dns of [none, failed]) {
      const one = await run({ a: dns, lookup: found('10.1.2.3') });
      assert.equal(address(one), '10.1.2.3');
    }
    const silent = await run({ a: timedOut, lookup: found('10.1.2.3') });
    assert.deepEqual([address(silent), silent.asked], ['none: ETIMEOUT', 'a']);
  });

  it('does not go from IPv4 to IPv6 because IPv4 failed', async () => {
    const one = await run({ a: failed, aaaa: found('2001:db8::1'), current: '192.0.2.1' });
    assert.deepEqual([address(one), one.asked], ['none: ESERVFAIL', 'a lookup']);
  });

  it('tells what DNS said when nobody knows', async () => {
    assert.equal(address(await run({})), 'none: ENOTFOUND');
  });

  it('takes no address that is no backend', async () => {
    for (const bad of ['0.0.0.0', '::', '255.255.255.255', '224.0.0.1', 'ff02::1', 'not an address', '']) {
      const one = await run({ a: found(bad), aaaa: found(bad) });
      assert.equal(one.result.ok, false, bad);
    }
    assert.equal(address(await run({ a: found('0.0.0.0', '192.0.2.1') })), '192.0.2.1');
    assert.equal(address(await run({ a: found('0.0.0.0'), aaaa: found('2001:db8::1') })), '2001:db8::1');
  });
});

describe('parseHosts', () => {
  it('reads names and further names, and passes over the rest', () => {
    const names = parseHosts(
      [
        '# comment',
        '127.0.0.1\tlocalhost  Local.Example # 10.0.0.1 not-this',
        '::1 localhost ip6-localhost',
        '  192.0.2.7   db  ',
        '192.0.2.7 db',
        'nonsense here',
        '300.1.1.1 bad',
        '10.0.0.1',
        '',
      ].join('\r\n'),
    );
    assert.deepEqual(Object.fromEntries(names), {
      localhost: ['127.0.0.1', '::1'],
      'local.example': ['127.0.0.1'],
      'ip6-localhost': ['::1'],
      db: ['192.0.2.7'],
    });
  });
});
