// Properties of the config layer: whatever the text, an answer; whatever the config, it prints to itself.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { diffConfigs, isEmptyDiff } from '#src/config/diff.js';
import { formatDuration, parseDuration } from '#src/config/duration.js';
import { effectiveConfig } from '#src/config/effective.js';
import { formatIssues } from '#src/config/issue.js';
import { printText } from '#src/config/kinds.js';
import { type Loaded, type LoadResult, loadConfigText } from '#src/config/load.js';
import { formatSize, parseSize } from '#src/config/size.js';
import { almost, flat, full, name, pieces } from './config-arbitraries.ts';

const FILE = '/etc/balancer/config.yaml';
const read = (text: string): LoadResult => loadConfigText(FILE, text, { exists: () => true });
const readValue = (value: unknown): LoadResult =>
  read(stringify(value, { schema: 'core', aliasDuplicateObjects: false }));

/** What every answer is: good, or few words at places that exist. */
function answered(text: string): void {
  const result = read(text);
  const issues = result.ok ? result.warnings : result.issues;
  if (!result.ok) assert.ok(issues.length > 0);
  const lines = text.replace(/^\ufeff/, '').split('\n');
  for (const { line, column } of issues) {
    const there = lines[line - 1];
    assert.ok(
      there !== undefined && column >= 1 && column <= [...there].length + 1,
      `${line}:${column} of ${JSON.stringify(text)}`,
    );
  }
  assert.ok(formatIssues(issues).length < 8000);
}

describe('any text', () => {
  it('made of pieces of YAML is answered', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => answered(parts.join(''))),
      { numRuns: 1000 },
    );
  });

  it('of any characters is answered', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), answered), { numRuns: 1000 });
  });

  it('that is a value in YAML is answered', () => {
    fc.assert(
      fc.property(almost, (value) => answered(stringify(value))),
      { numRuns: 200 },
    );
  });

  it('that is a good config with something cut out or put in is answered', () => {
    const good = `listen: [ 80, "[::1]:81" ]\ntimeouts: { read: 5s }\nbackends:\n  - { host: a, port: 1, weight: 2 }\n  - host: b\n    port: 2\n`;
    const edit = fc.tuple(fc.nat(good.length), fc.nat(12), fc.oneof(pieces, fc.constant('')));
    fc.assert(
      fc.property(edit, ([at, length, piece]) =>
        answered(good.slice(0, at) + piece + good.slice(at + length)),
      ),
      { numRuns: 1000 },
    );
  });
});

/** Good unless it happens to lead to itself. */
function good(value: unknown): Loaded {
  const result = readValue(value);
  if (!result.ok) {
    fc.pre(!result.issues.every((issue) => issue.message.startsWith('this backend is the listener')));
    assert.fail(formatIssues(result.issues));
  }
  return result;
}

describe('any good config', () => {
  for (const [form, configs] of Object.entries({ flat, full })) {
    it(`in ${form} form prints to a config that equals it`, () => {
      fc.assert(
        fc.property(configs, (value) => {
          const first = good(value);
          const again = read(effectiveConfig(first));
          assert.ok(again.ok, again.ok ? '' : formatIssues(again.issues));
          assert.deepEqual(again.config, first.config);
        }),
        { numRuns: 100 },
      );
    });

    it(`in ${form} form does not differ from itself`, () => {
      fc.assert(
        fc.property(configs, (value) => {
          assert.ok(isEmptyDiff(diffConfigs(good(value).config, good(value).config)));
        }),
        { numRuns: 100 },
      );
    });
  }

  it('differs from another exactly where they are not equal', () => {
    fc.assert(
      fc.property(flat, flat, (one, other) => {
        const [before, after] = [good(one).config, good(other).config];
        const bare = (config: typeof before): unknown => ({
          ...config,
          pools: config.pools.map((pool) => ({
            ...pool,
            backends: [...pool.backends].sort((a, b) => a.port - b.port),
          })),
        });
        let equal = true;
        try {
          assert.deepEqual(bare(before), bare(after));
        } catch {
          equal = false;
        }
        assert.equal(isEmptyDiff(diffConfigs(before, after)), equal);
      }),
      { numRuns: 200 },
    );
  });
});

describe('any value', () => {
  it('of time prints to itself', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), (ms) => {
        const text = formatDuration(ms);
        assert.equal(parseDuration(text === '0' ? 0 : text), ms);
      }),
    );
  });

  it('of size prints to itself', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => assert.equal(parseSize(formatSize(bytes)), bytes)));
  });

  it('of text prints to itself', () => {
    const wild = fc.oneof(
      name,
      fc.constantFrom(
        'null',
        'true',
        '~',
        '1e3',
        '.5',
        '0x1f',
        '0o7',
        '-',
        '- a',
        '? a',
        'a: b',
        'a #b',
        '[a',
        '{a',
        '*a',
        '&a',
        '!a',
        '|',
        '>',
        '%a',
        '@a',
        '`a',
        '"',
        "'",
        '<<',
        '=',
        '.nan',
        '-.inf',
        '007',
        '1_000',
        'a:',
        ':a',
      ),
    );
    fc.assert(
      fc.property(wild, (text) => {
        const result = readValue({
          listeners: { x: { listen: 80, pool: 'p' } },
          pools: { p: { backends: [{ host: 'a', port: 1 }] } },
        });
        assert.ok(result.ok);
        const renamed = effectiveConfig(result).replace(/^ {2}x:/m, `  ${printText(text)}:`);
        const again = read(renamed);
        assert.ok(again.ok, again.ok ? '' : formatIssues(again.issues));
        assert.equal(again.config.listeners[0]?.name, text);
      }),
      { numRuns: 200 },
    );
  });
});
