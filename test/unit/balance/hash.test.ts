// The hash against published values of MurmurHash3 and against the vectors that the native side reads as well.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { addressBytes, hashAddress, hashBytes } from '#src/balance/hash.js';

const encoder = new TextEncoder();

describe('hashBytes', () => {
  const published: readonly [string, number, number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['ab', 0x9747b28c, 0x74875592],
    ['hello', 0, 0x248bfa47],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ];
  for (const [text, seed, value] of published) {
    it(`gives the published value of ${JSON.stringify(text)} with seed ${seed}`, () => {
      assert.equal(hashBytes(encoder.encode(text), seed), value);
    });
  }

  it('reads a view into a larger buffer from where the view begins', () => {
    const text = encoder.encode('...hello');
    assert.equal(hashBytes(text.subarray(3), 0), 0x248bfa47);
  });
});

describe('addressBytes', () => {
  it('gives IPv4 four bytes, also when it comes inside IPv6', () => {
    assert.deepEqual([...(addressBytes('192.0.2.1') ?? [])], [192, 0, 2, 1]);
    assert.deepEqual(addressBytes('::ffff:192.0.2.1'), addressBytes('192.0.2.1'));
    assert.deepEqual(addressBytes('::FFFF:c000:0201'), addressBytes('192.0.2.1'));
  });

  it('gives other IPv6 sixteen bytes and leaves the zone out', () => {
    assert.equal(addressBytes('2001:db8::1')?.length, 16);
    assert.deepEqual(addressBytes('fe80::1%eth0'), addressBytes('fe80::1'));
    assert.equal(addressBytes('64:ff9b::c000:201')?.length, 16);
  });

  for (const text of ['', 'localhost', '127.1', '0x7f.0.0.1', '1.2.3.4:80', '[::1]', '1.2.3.256']) {
    it(`takes ${JSON.stringify(text)} for no address`, () => {
      assert.equal(addressBytes(text), undefined);
      assert.throws(() => hashAddress(text, 0), TypeError);
    });
  }
});

interface HashVector {
  readonly address: string;
  readonly attempt: number;
  readonly value: number;
}

describe('hashAddress', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../../../test/fixtures/hash-vectors.json', import.meta.url), 'utf8'),
  ) as readonly HashVector[];

  it('agrees with every vector', () => {
    assert.ok(vectors.length >= 70);
    for (const { address, attempt, value } of vectors) {
      assert.equal(hashAddress(address, attempt), value, `${address}, attempt ${attempt}`);
    }
  });
});
