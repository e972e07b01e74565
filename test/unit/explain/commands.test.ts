// What the two sub-commands do: exit codes, words for people, and output that machines can read.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import {
  explainCommand,
  simulateCommand,
  type SimulateOptions,
  type Streams,
} from '#src/explain/commands.js';

const HASHED =
  'listen: 8080\nalgorithm: ip_hash\nbackends: [{ host: a.test, port: 1 }, { host: b.test, port: 1 }]\n';

function files(t: TestContext, texts: Readonly<Record<string, string>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'explain-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  return (name) => join(folder, name);
}

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(command: (streams: Streams) => number | Promise<number>): Promise<Told> {
  let [out, err] = ['', ''];
  const code = await command({ out: (text) => void (out += text), err: (text) => void (err += text) });
  return { code, out, err };
}

const CLIENT = '192.0.2.1';

describe('explainCommand', () => {
  it('tells people and machines the same', async (t) => {
    const config = files(t, { 'lb.yaml': HASHED })('lb.yaml');
    const text = await run((streams) => explainCommand({ config, client: CLIENT }, streams));
    const json = await run((streams) => explainCommand({ config, client: CLIENT, json: true }, streams));
    assert.deepEqual([text.code, json.code, text.err, json.err], [0, 0, '', '']);
    const parsed = JSON.parse(json.out) as { states: string; explanations: { offers: string[] }[] };
    assert.equal(parsed.states, 'assumed');
    assert.ok(text.out.includes(`pick: ${parsed.explanations[0]?.offers[0]}\n`));
  });

  it('answers 2 to what was typed or written wrong, 1 where a balancer does not answer', async (t) => {
    const at = files(t, { 'lb.yaml': HASHED, 'bad.yaml': 'listen: 8080\n' });
    const good = { config: at('lb.yaml'), client: CLIENT };
    for (const [options, code, message] of [
      [{ ...good, client: 'me' }, 2, /'me' is not an IP address/],
      [{ ...good, listener: 'web' }, 2, /no listener 'web'; there are: default/],
      [{ ...good, config: at('bad.yaml') }, 2, /bad\.yaml:1:1: .*backends/],
      [{ ...good, config: at('none.yaml') }, 2, /none\.yaml:1:1: .*does not exist/],
      [{ ...good, metrics: 'http://127.0.0.1:1/metrics' }, 1, /cannot ask/],
    ] as const) {
      const told = await run((streams) => explainCommand(options, streams));
      assert.equal(told.code, code);
      assert.match(told.err, message);
      assert.equal(told.out, '');
    }
  });
});

describe('simulateCommand', () => {
  it('compares, in text and JSON', async (t) => {
    const at = files(t, { 'lb.yaml': HASHED, 'new.yaml': HASHED.replace('ip_hash', 'random') });
    const simulated = (more: Partial<SimulateOptions>): Promise<Told> =>
      run((streams) => simulateCommand({ config: at('lb.yaml'), ...more }, streams));
    const alone = await simulated({ clients: 100 });
    assert.equal(alone.code, 0);
    assert.match(alone.out, /^100 clients, one session each, seed 1\n/);
    assert.doesNotMatch(alone.out, /moved|changed/);
    const changed = await simulated({ with: at('new.yaml'), clients: 100 });
    assert.match(changed.out, /pool default: ip_hash -> random\n/);
    const dead = await simulated({ without: ['a.test:1'], json: true, seed: 9 });
    const { pools, seed, clients } = JSON.parse(dead.out) as {
      seed: number;
      clients: number;
      pools: { after: { backends: { backend: string; clients: number }[] } }[];
    };
    assert.deepEqual([seed, clients], [9, 100_000]);
    const served = pools[0]?.after.backends.map((each) => [each.backend, each.clients]);
    assert.deepEqual(served, [['b.test:1', 100_000]]);
  });

  it('answers 2 to what was typed or written wrong', async (t) => {
    const many = Array.from({ length: 5000 }, (_, n) => `{ host: 10.0.${n >> 8}.${n & 255}, port: 1 }`);
    const at = files(t, {
      'lb.yaml': HASHED,
      'bad.yaml': 'listen: 8080\n',
      'many.yaml': `listen: 8080\nalgorithm: least_connections\nbackends: [${many.join(', ')}]\n`,
    });
    const config = at('lb.yaml');
    for (const [options, message] of [
      [{ config, with: at('bad.yaml') }, /bad\.yaml:1:1/],
      [{ config, without: ['c.test:1'] }, /no pool has a backend c\.test:1/],
      [{ config, clients: 0 }, /from 1 to 1000000/],
      [{ config, clients: 1.5 }, /from 1 to 1000000/],
      [{ config, clients: 1_000_001 }, /from 1 to 1000000/],
      [{ config: at('many.yaml') }, /ask for fewer clients/],
    ] as const) {
      const told = await run((streams) => simulateCommand(options, streams));
      assert.deepEqual([told.code, told.out], [2, '']);
      assert.match(told.err, message);
    }
  });
});
