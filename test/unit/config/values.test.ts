// Times, sizes and near words: text to value and back.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration, parseDuration } from '#src/config/duration.js';
import { nearest } from '#src/config/nearest.js';
import { formatSize, parseSize } from '#src/config/size.js';

describe('parseDuration', () => {
  const times: readonly (readonly [unknown, number])[] = [
    [0, 0],
    [5, 5000],
    [0.25, 250],
    [1.5, 1500],
    ['250ms', 250],
    ['5s', 5000],
    ['1.5s', 1500],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['0.5h', 1_800_000],
    [' 5s ', 5000],
    ['0s', 0],
  ];
  for (const [written, ms] of times) {
    it(`reads ${JSON.stringify(written)}`, () => assert.equal(parseDuration(written), ms));
  }

  for (const written of [
    '',
    '5',
    's',
    '5 s',
    '5d',
    '-5s',
    '1e3s',
    'soon',
    '5s5',
    '.5s',
    -1,
    NaN,
    Infinity,
    null,
    true,
    [5],
  ]) {
    it(`refuses ${String(written)}`, () => assert.equal(parseDuration(written), undefined));
  }

  it('never makes a small time the 0 that is off', () => {
    assert.equal(parseDuration(0.0001), 1);
    assert.equal(parseDuration('0.1ms'), 1);
  });
});

describe('formatDuration', () => {
  it('takes the largest unit that needs no fraction', () => {
    const shown = [0, 1, 250, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000].map(formatDuration);
    assert.deepEqual(shown, ['0', '1ms', '250ms', '1s', '1500ms', '1m', '90s', '1h', '24h']);
  });
});

describe('parseSize', () => {
  const sizes: readonly (readonly [unknown, number])[] = [
    [8192, 8192],
    ['8192', 8192],
    ['64k', 65_536],
    ['64KB', 65_536],
    ['64KiB', 65_536],
    ['1 MiB', 1_048_576],
    ['1G', 1_073_741_824],
    ['512B', 512],
  ];
  for (const [written, bytes] of sizes) {
    it(`reads ${JSON.stringify(written)}`, () => assert.equal(parseSize(written), bytes));
  }

  for (const written of [
    '',
    'big',
    '1.5k',
    '-1',
    '1T',
    '64kk',
    '9'.repeat(15) + 'g',
    -1,
    0.5,
    NaN,
    null,
    true,
  ]) {
    it(`refuses ${String(written)}`, () => assert.equal(parseSize(written), undefined));
  }

  it('is what formatSize undoes', () => {
    for (const bytes of [0, 1, 1000, 1024, 8192, 65_536, 1_048_576, 1_048_577]) {
      assert.equal(parseSize(formatSize(bytes)), bytes);
    }
  });
});

describe('nearest', () => {
  const keys = ['listen', 'listeners', 'workers', 'max_connections', 'tcp_nodelay', 'timeouts', 'port'];

  const pairs = {
    listn: 'listen',
    Workers: 'workers',
    maxConnections: 'max_connections',
    'max-connections': 'max_connections',
    tcp_no_delay: 'tcp_nodelay',
    timeuot: 'timeouts',
    prot: 'port',
  };
  for (const [word, meant] of Object.entries(pairs)) {
    it(`takes ${word} for ${meant}`, () => assert.equal(nearest(word, keys), meant));
  }

  it('has no word for what is far from all of them', () => {
    assert.equal(nearest('banana', keys), undefined);
    assert.equal(nearest('__proto__', keys), undefined);
    assert.equal(nearest('', keys), undefined);
  });

  it('does not look at words that nobody writes', () => {
    assert.equal(nearest('x'.repeat(100_000), ['x'.repeat(100_000)]), undefined);
  });
});
