// The effective config: each value with its origin, and the text a config of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectiveConfig } from '#src/config/effective.js';
import { loadConfigText } from '#src/config/load.js';
import { BASE, everyFile, FILE, load } from './support.ts';

/** The line that begins so, spaces made one. */
function line(text: string, start: string): string {
  const found = text.split('\n').find((each) => each.trim().startsWith(start));
  assert.ok(found !== undefined, `${start} is not in ${text}`);
  return found.trim().replace(/ +/g, ' ');
}

const FULL = `backlog: 99
listeners:
  "odd name: #1": { listen: [ 80, "[::1]:81" ], pool: p, timeouts: { read: 1m } }
  b: { listen: 127.0.0.1:82, pool: p, backlog: 7 }
pools:
  p: { health_checks: { check_type: http, expected_status: [ 200, 300-302 ] }, backends: [ { host: a.example, port: 1 }, { host: "::1", port: 2, weight: 0 } ] }
cpu_affinity: [ 0, 2 ]
`;

describe('effectiveConfig', () => {
  it('tells what is set, and where', () => {
    const text = effectiveConfig(load(`${BASE}timeouts: { connect: 7 }\n`));
    assert.equal(line(text, 'listen:'), `listen: 127.0.0.1:8080 # ${FILE}:1:9`);
    assert.equal(line(text, 'connect:'), `connect: 7s # ${FILE}:4:22`);
    assert.equal(line(text, '- host:'), `- host: 127.0.0.1 # ${FILE}:3:13`);
  });

  it('tells what nobody set', () => {
    const text = effectiveConfig(load(BASE));
    assert.equal(line(text, 'half_close:'), 'half_close: 30s # default');
    assert.equal(line(text, 'weight:'), 'weight: 1 # default');
    assert.equal(line(text, 'congestion_control:'), 'congestion_control: "" # default');
  });

  it('tells what comes from the top level', () => {
    const text = effectiveConfig(load(FULL));
    const backlogs = text.split('\n').filter((each) => each.includes('backlog:'));
    assert.deepEqual(
      backlogs.map((each) => each.trim().replace(/ +/g, ' ')),
      [`backlog: 99 # from top level ${FILE}:1:10`, `backlog: 7 # ${FILE}:4:48`],
    );
  });

  it('has one line for each value', () => {
    const lines = effectiveConfig(load(FULL)).trimEnd().split('\n').slice(1);
    for (const each of lines)
      assert.match(each, /^ *(- )?("[^"]+"|[\w.]+):( .+ # (default|(from top level )?\/.+:\d+:\d+))?$/);
  });

  for (const [form, text] of Object.entries({ flat: BASE, full: FULL })) {
    it(`is a config of the same values, in ${form} form`, () => {
      const first = load(text);
      const printed = effectiveConfig(first);
      const again = loadConfigText(FILE, printed, everyFile);
      assert.ok(again.ok, again.ok ? '' : JSON.stringify(again.issues));
      assert.deepEqual(again.config, first.config);
      assert.deepEqual(again.form, first.form);
    });
  }
});
