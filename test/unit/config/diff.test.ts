// Differences of two configs: what is told, and of whom.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffConfigs, formatDiff, isEmptyDiff } from '#src/config/diff.js';
import { BASE, config } from './support.ts';

function changed(before: string, after: string): string[] {
  return formatDiff(diffConfigs(config(before), config(after)))
    .split('\n')
    .filter((line) => line !== '');
}

function full(web: string, app: string, rest = ''): string {
  return `listeners: { web: { listen: 80, pool: app${web} } }\npools: { app: { backends: [ { host: a, port: 1 }, { host: b, port: 1 } ]${app} } }\n${rest}`;
}

describe('diffConfigs', () => {
  it('is empty where nothing differs, whatever the spelling', () => {
    const diff = diffConfigs(
      config(`${BASE}timeouts: { read: 60 }\n`),
      config(`# other\n${BASE}timeouts:\n  read: 1m\n`),
    );
    assert.ok(isEmptyDiff(diff));
    assert.equal(formatDiff(diff), '');
  });

  it('tells whom a change reaches', () => {
    assert.deepEqual(
      changed(BASE, `${BASE}timeouts: { read: 1m, session: 1h }\nworkers: 2\nalgorithm: random\n`),
      [
        '~ workers: auto -> 2 (no session)',
        '~ listener default: timeouts.read: 30s -> 1m (open sessions too)',
        '~ listener default: timeouts.session: 0 -> 1h (new sessions)',
        '~ pool default: algorithm: round_robin -> random (new sessions)',
      ],
    );
  });

  it('knows backends by host and port', () => {
    const backends = (list: string): string => `listen: 80\nbackends: [ ${list} ]\n`;
    const before = backends(
      '{ host: a, port: 1 }, { host: b, port: 1 }, { host: "::1", port: 1, weight: 5 }',
    );
    const after = backends('{ host: "::1", port: 1, weight: 7 }, { host: a, port: 2 }, { host: a, port: 1 }');
    assert.deepEqual(changed(before, after), [
      '- pool default: backend b:1',
      '+ pool default: backend a:2',
      '~ pool default: backend [::1]:1: weight: 5 -> 7 (new sessions)',
    ]);
  });

  it('knows listeners and pools by name, not by order', () => {
    const one = 'listeners: { a: { listen: 80, pool: p }, b: { listen: 81, pool: q } }\n';
    const two = 'listeners: { b: { listen: 81, pool: q }, a: { listen: 80, pool: p } }\n';
    const pools =
      'pools: { p: { backends: [ { host: a, port: 1 } ] }, q: { backends: [ { host: a, port: 1 } ] } }\n';
    assert.deepEqual(changed(one + pools, two + pools), []);
  });

  it('tells what came and what went', () => {
    const more = full('', '').replace(
      '} }\npools: {',
      '}, "x y": { listen: 81, pool: extra } }\npools: { extra: { backends: [ { host: c, port: 1 } ] },',
    );
    assert.deepEqual(changed(full('', ''), more), ['+ listener "x y"', '+ pool extra']);
    assert.deepEqual(changed(more, full('', '')), ['- listener "x y"', '- pool extra']);
  });

  it('tells of a default for all what it does to each', () => {
    assert.deepEqual(changed(full('', ''), full('', '', 'connection_settings: { tcp_nodelay: false }\n')), [
      '~ listener web: connection_settings.tcp_nodelay: true -> false (new sessions)',
      '~ pool app: connection_settings.tcp_nodelay: true -> false (new sessions)',
    ]);
    assert.deepEqual(changed(full(', backlog: 5', ''), full('', '', 'backlog: 5\n')), []);
  });

  it('tells of addresses and pools of a listener', () => {
    assert.deepEqual(changed(full('', ''), full('', '').replace('listen: 80', 'listen: [ 80, 81 ]')), [
      '~ listener web: listen: [::]:80 -> [::]:80, [::]:81 (new sessions)',
    ]);
  });

  it('is data', () => {
    const diff = diffConfigs(config(BASE), config(`${BASE}retries: 5\n`));
    assert.deepEqual(diff, {
      process: [],
      listeners: {
        added: [],
        removed: [],
        changed: [
          {
            name: 'default',
            changes: [{ key: 'retries', from: 2, to: 5, reach: 'new', text: { from: '2', to: '5' } }],
          },
        ],
      },
      pools: { added: [], removed: [], changed: [] },
    });
  });
});
