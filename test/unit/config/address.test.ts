// Addresses as people write them, and who is who among them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  canonicalHost,
  createAddressTable,
  formatAddress,
  hostProblem,
  isNumericHost,
  parseListen,
} from '#src/config/address.js';

describe('parseListen', () => {
  const good: readonly (readonly [string | number, string, number])[] = [
    [8080, '::', 8080],
    ['8080', '::', 8080],
    ['*:8080', '::', 8080],
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['0.0.0.0:1', '0.0.0.0', 1],
    ['localhost:65535', '127.0.0.1', 65535],
    ['[::1]:8080', '::1', 8080],
    ['[::]:8080', '::', 8080],
    ['[2001:db8::7]:443', '2001:db8::7', 443],
  ];
  for (const [written, host, port] of good) {
    it(`reads ${JSON.stringify(written)}`, () => {
      assert.deepEqual(parseListen(written), { ok: true, value: { host, port } });
    });
  }

  const bad: readonly (readonly [unknown, RegExp])[] = [
    ['', /^expected an address and a port/],
    ['127.0.0.1', /^expected an address and a port/],
    [':8080', /address is missing/],
    ['127.0.0.1:', /port must be/],
    ['127.0.0.1:0', /port must be/],
    ['127.0.0.1:65536', /port must be/],
    ['127.0.0.1:+80', /port must be/],
    ['127.0.0.1: 80', /port must be/],
    ['127.0.0.256:80', /not an IPv4 address/],
    ['127.1:80', /not an IPv4 address/],
    ['010.0.0.1:80', /not an IPv4 address/],
    ['::1:8080', /in brackets/],
    ['[::1]', /\[::1\]:8080/],
    ['[::1:8080', /\[::1\]:8080/],
    ['[::g]:8080', /not an IPv6 address/],
    ['[fe80::1%eth0]:80', /not an IPv6 address/],
    ['web.example.com:80', /is a name/],
    ['/run/lb.sock', /^expected an address and a port/],
    [0, /port must be/],
    [-1, /port must be/],
    [80.5, /port must be/],
    [65_536, /port must be/],
    [NaN, /port must be/],
    [true, /^expected a port/],
    [null, /^expected a port/],
    [{ port: 80 }, /^expected a port/],
  ];
  for (const [written, problem] of bad) {
    it(`refuses ${JSON.stringify(written)}`, () => {
      const parsed = parseListen(written);
      assert.ok(!parsed.ok);
      assert.match(parsed.problem, problem);
    });
  }
});

describe('hostProblem', () => {
  for (const host of [
    '127.0.0.1',
    '::1',
    '2001:db8::1',
    'localhost',
    'a',
    'a-b.c_d.example',
    'example.com.',
    'xn--bcher-kva.example',
    '1a.example',
  ]) {
    it(`has none with ${host}`, () => assert.equal(hostProblem(host), undefined));
  }

  const bad: Readonly<Record<string, RegExp>> = {
    '': /empty/,
    'a b': /neither/,
    'a..b': /neither/,
    '-a': /neither/,
    'a/b': /neither/,
    'tcp://a': /not an IPv6/,
    'a:80': /goes into 'port'/,
    '[::1]': /without brackets/,
    '::1::2': /not an IPv6/,
    'fe80::1%eth0': /zone/,
    '256.0.0.1': /not an IPv4/,
    '1.2.3': /not an IPv4/,
    [`${'a'.repeat(64)}.example`]: /neither/,
    [`${'a.'.repeat(127)}example`]: /253/,
  };
  for (const [host, problem] of Object.entries(bad)) {
    it(`has one with '${host.slice(0, 20)}'`, () => assert.match(hostProblem(host) ?? '', problem));
  }
});

describe('one spelling', () => {
  it('puts brackets around IPv6 only', () => {
    assert.equal(formatAddress({ host: '::1', port: 80 }), '[::1]:80');
    assert.equal(formatAddress({ host: '127.0.0.1', port: 80 }), '127.0.0.1:80');
    assert.equal(formatAddress({ host: 'a.example', port: 80 }), 'a.example:80');
  });

  it('is the same for all spellings of a host', () => {
    assert.equal(canonicalHost('0:0:0:0:0:0:0:1'), canonicalHost('::1'));
    assert.equal(canonicalHost('::ffff:127.0.0.1'), '127.0.0.1');
    assert.equal(canonicalHost('Example.COM.'), 'example.com');
  });

  it('knows numbers from names', () => {
    assert.deepEqual(['127.0.0.1', '::1', 'a', '1.2.3.4.5', '::1%1'].map(isNumericHost), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('createAddressTable', () => {
  function table(...hosts: string[]): ReturnType<typeof createAddressTable<string>> {
    const made = createAddressTable<string>();
    for (const host of hosts) made.add({ host, port: 80 }, host);
    return made;
  }
  const collides = (listening: string, host: string, port = 80): boolean =>
    table(listening).colliding({ host, port }) !== undefined;
  const answers = (listening: string, host: string, port = 80): boolean =>
    table(listening).answering({ host, port }) !== undefined;

  it('tells what cannot be listened on besides', () => {
    assert.ok(collides('127.0.0.1', '127.0.0.1'));
    assert.ok(collides('127.0.0.1', '0.0.0.0'));
    assert.ok(collides('0.0.0.0', '127.0.0.1'));
    assert.ok(collides('127.0.0.1', '::'));
    assert.ok(collides('::', '127.0.0.1'));
    assert.ok(collides('::', '::1'));
    assert.ok(collides('::1', '::'));
    assert.ok(collides('0.0.0.0', '::'));
    assert.ok(collides('::1', '0:0::1'));
  });

  it('lets others be', () => {
    assert.ok(!collides('127.0.0.1', '127.0.0.2'));
    assert.ok(!collides('127.0.0.1', '::1'));
    assert.ok(!collides('0.0.0.0', '::1'));
    assert.ok(!collides('::1', '0.0.0.0'));
    assert.ok(!collides('::', '::', 81));
    assert.equal(table().colliding({ host: '::', port: 80 }), undefined);
  });

  it('names the first owner', () => {
    assert.equal(
      table('127.0.0.1', '127.0.0.2').colliding({ host: '0.0.0.0', port: 80 })?.owner,
      '127.0.0.1',
    );
    assert.equal(table('::1', '127.0.0.2').colliding({ host: '0.0.0.0', port: 80 })?.owner, '127.0.0.2');
  });

  it('tells who answers a connection', () => {
    assert.ok(answers('127.0.0.1', '127.0.0.1'));
    assert.ok(answers('127.0.0.1', 'localhost'));
    assert.ok(answers('127.0.0.1', 'LOCALHOST.'));
    assert.ok(answers('0.0.0.0', '127.0.0.9'));
    assert.ok(answers('::', '127.0.0.1'));
    assert.ok(answers('::', '::1'));
    assert.ok(answers('127.0.0.1', '0.0.0.0'));
    assert.ok(answers('::1', '::'));
    assert.ok(answers('192.0.2.1', '192.0.2.1'));
  });

  it('claims nothing that the text does not say', () => {
    assert.ok(!answers('127.0.0.1', '127.0.0.2'));
    assert.ok(!answers('0.0.0.0', '::1'));
    assert.ok(!answers('::', '192.0.2.1'));
    assert.ok(!answers('::', 'web.example'));
    assert.ok(!answers('127.0.0.1', '127.0.0.1', 81));
    assert.ok(!answers('::1', 'any'));
    assert.ok(!answers('::1', 'v4'));
  });
});
