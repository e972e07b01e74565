// Texts for config tests. « and » stand around the fault and are not part of the text, so that a table row shows where
// the place of its message has to be.

import assert from 'node:assert/strict';
import type { Config } from '#src/config/config.js';
import { type Loaded, type LoadHost, loadConfigText } from '#src/config/load.js';

/** A file that is never read: texts are passed in. */
export const FILE = '/etc/balancer/config.yaml';

export const BASE = 'listen: 127.0.0.1:8080\nbackends:\n  - { host: 127.0.0.1, port: 9001 }\n';

export interface Fault {
  readonly text: string;
  readonly line: number;
  readonly column: number;
  /** Characters between the marks; 0 for a single «. */
  readonly length: number;
}

export function fault(marked: string): Fault {
  const start = marked.indexOf('«');
  assert.ok(start >= 0, `no « in ${marked}`);
  const before = marked.slice(0, start);
  const inside = marked.includes('»') ? marked.slice(start + 1, marked.indexOf('»')) : '';
  return {
    text: marked.replace('«', '').replace('»', ''),
    line: before.split('\n').length,
    column: [...before.slice(before.lastIndexOf('\n') + 1)].length + 1,
    length: [...inside].length,
  };
}

/** Every file is there, unless a test says otherwise. */
export const everyFile: LoadHost = { exists: () => true };

export function load(text: string, host: LoadHost = everyFile): Loaded {
  const result = loadConfigText(FILE, text, host);
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.issues, null, 1));
  return result;
}

export function config(text: string): Config {
  return load(text).config;
}

/** Asserts that a text is refused, with the first problem at the marks. */
export function refused(marked: string, message: string | RegExp, host: LoadHost = everyFile): void {
  const { text, line, column, length } = fault(marked);
  const result = loadConfigText(FILE, text, host);
  assert.ok(!result.ok, `taken: ${text}`);
  const [first] = result.issues;
  assert.ok(first);
  if (typeof message === 'string') assert.equal(first.message, message);
  else assert.match(first.message, message);
  assert.deepEqual([first.file, first.line, first.column], [FILE, line, column], first.message);
  if (length > 0) assert.equal(first.mark.length, length, 'length of the mark');
}

/** Asserts that a text is taken with one warning, at the marks. */
export function warned(marked: string, message: string): void {
  const { text, line, column } = fault(marked);
  const { warnings } = load(text);
  assert.deepEqual(
    warnings.map((warning) => [warning.line, warning.column, warning.message]),
    [[line, column, message]],
  );
}
