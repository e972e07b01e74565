// Texts that are made to cost time or to break the parser. What must be is a short answer; that it comes at all is the
// test, since each of these once took half a minute, all memory or the process.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatIssues } from '#src/config/issue.js';
import { loadConfigText } from '#src/config/load.js';
import { everyFile, FILE } from './support.ts';

const SIZE = 256 * 1024;
const fill = (piece: string): string => piece.repeat(Math.floor(SIZE / piece.length));
const letters = 'bcdefghijk'.split('');

const NESTED = /:1:\d+: this is nested too deeply/;
const ERRORS = /this is not YAML/;
const TEXTS: Readonly<Record<string, readonly [string, RegExp]>> = {
  'lists in lists': [fill('['), NESTED],
  'maps in maps': [fill('{a: '), NESTED],
  'lists in lists in block style': [fill('- '), NESTED],
  'keys of keys': [fill('? '), NESTED],
  'values of values': [fill(': '), NESTED],
  indentation: [
    Array.from({ length: 1400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    /this is nested too deeply/,
  ],
  'lists side by side': [fill('[]'), ERRORS],
  quotes: [fill('"'), ERRORS],
  escapes: [`"${fill('\\q')}"`, ERRORS],
  directives: [fill('%A\n'), ERRORS],
  documents: [fill('---\n'), /a second document/],
  anchors: [fill('&a '), ERRORS],
  'the same key': [fill('a: 1\n'), /comes twice/],
  'other keys': [Array.from({ length: 15_000 }, (_, n) => `key_${n}: 1`).join('\n'), /unknown key 'key_0'/],
  'aliases of aliases': [
    `a: &a [1,1,1,1,1,1,1,1,1]\n${letters.map((name, n) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghijk'[n]}`).join(', ')}]`).join('\n')}\n`,
    /too many values/,
  ],
};

describe('a hostile text', () => {
  for (const [name, [text, answer]] of Object.entries(TEXTS)) {
    it(`of ${name} is answered in few words`, () => {
      const result = loadConfigText(FILE, text, everyFile);
      assert.ok(!result.ok);
      const told = formatIssues(result.issues);
      assert.match(told, answer);
      assert.ok(told.length < 4000, `${told.length} characters`);
    });
  }

  it('leaves the depth of stack traces as it was', () => {
    const before = Error.stackTraceLimit;
    loadConfigText(FILE, '"', everyFile);
    assert.equal(Error.stackTraceLimit, before);
  });
});
