// The two sub-commands: flags, exit codes, and output that machines can read.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { Command, CommanderError } from 'commander';

import { addExplainCommands } from '#src/explain/commands.js';

const HASHED =
  'listen: 8080\nalgorithm: ip_hash\nbackends: [{ host: a.test, port: 1 }, { host: b.test, port: 1 }]\n';

function files(t: TestContext, texts: Readonly<Record<string, string>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'explain-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  return (name) => join(folder, name);
}

/** As the command line would. The program has a --config of its own, as ours does. */
async function run(
  ...args: readonly string[]
): Promise<{ code: number | undefined; out: string; err: string }> {
  let [code, out, err]: [number | undefined, string, string] = [undefined, '', ''];
  const streams = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) };
  const program = new Command('ultrabalancer-l4').option('-c, --config <file>').exitOverride();
  program.configureOutput({ writeErr: streams.err, writeOut: streams.out });
  addExplainCommands(program, (result) => (code = result), streams);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: streams.err });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    assert.ok(error instanceof CommanderError);
    code = error.exitCode;
  }
  return { code, out, err };
}

describe('explain', () => {
  it('tells people and machines the same', async (t) => {
    const at = files(t, { 'lb.yaml': HASHED });
    const text = await run('explain', '--config', at('lb.yaml'), '--client', '192.0.2.1');
    assert.equal(text.code, 0);
    const json = await run('explain', '--client', '192.0.2.1', '--json', '-c', at('lb.yaml'));
    assert.equal(json.code, 0);
    const parsed = JSON.parse(json.out) as { states: string; explanations: { offers: string[] }[] };
    assert.equal(parsed.states, 'assumed');
    assert.ok(text.out.includes(`pick: ${parsed.explanations[0]?.offers[0]}\n`));
    assert.equal((await run('--config', at('lb.yaml'), 'explain', '--client', '192.0.2.1')).out, text.out);
  });

  it('has exit code 2 for what was typed or written wrong, 1 for a balancer that does not answer', async (t) => {
    const at = files(t, { 'lb.yaml': HASHED, 'bad.yaml': 'listen: 8080\n' });
    const [good, client] = [
      ['--config', at('lb.yaml')],
      ['--client', '192.0.2.1'],
    ] as const;
    for (const [args, code, message] of [
      [['explain', ...client], 2, /which config/],
      [['explain', ...good, '--client', 'me'], 2, /'me' is not an IP address/],
      [['explain', ...good, ...client, '--listener', 'web'], 2, /no listener 'web'; there are: default/],
      [['explain', '--config', at('bad.yaml'), ...client], 2, /bad\.yaml:1:1: .*backends/],
      [['explain', '--config', at('none.yaml'), ...client], 2, /none\.yaml:1:1: .*does not exist/],
      [['explain', ...good, ...client, '--metrics', 'http://127.0.0.1:1/metrics'], 1, /cannot ask/],
    ] as const) {
      const result = await run(...args);
      assert.equal(result.code, code, args.join(' '));
      assert.match(result.err, message);
      assert.equal(result.out, '');
    }
  });
});

describe('simulate', () => {
  it('compares, in text and JSON', async (t) => {
    const at = files(t, { 'lb.yaml': HASHED, 'new.yaml': HASHED.replace('ip_hash', 'random') });
    const alone = await run('simulate', '--config', at('lb.yaml'), '--clients', '100');
    assert.equal(alone.code, 0);
    assert.match(alone.out, /^100 clients, one session each, seed 1\n/);
    assert.doesNotMatch(alone.out, /moved|changed/);
    const changed = await run('simulate', '-c', at('lb.yaml'), '--with', at('new.yaml'), '--clients', '100');
    assert.match(changed.out, /pool default: ip_hash -> random\n/);
    const dead = await run('simulate', '-c', at('lb.yaml'), '--without', 'a.test:1', '--json', '--seed', '9');
    const { pools, seed, clients } = JSON.parse(dead.out) as {
      seed: number;
      clients: number;
      pools: { after: { backends: { backend: string; clients: number }[] } }[];
    };
    assert.deepEqual([seed, clients], [9, 100_000]);
    assert.deepEqual(
      pools[0]?.after.backends.map((each) => [each.backend, each.clients]),
      [['b.test:1', 100_000]],
    );
  });

  it('has exit code 2 for what was typed or written wrong', async (t) => {
    const many = Array.from({ length: 5000 }, (_, n) => `{ host: 10.0.${n >> 8}.${n & 255}, port: 1 }`).join(
      ', ',
    );
    const at = files(t, {
      'lb.yaml': HASHED,
      'bad.yaml': 'listen: 8080\n',
      'many.yaml': `listen: 8080\nalgorithm: least_connections\nbackends: [${many}]\n`,
    });
    const good = ['--config', at('lb.yaml')];
    for (const [args, message] of [
      [['simulate'], /which config/],
      [['simulate', ...good, '--with', at('bad.yaml')], /bad\.yaml:1:1/],
      [['simulate', ...good, '--without', 'c.test:1'], /no pool has a backend c\.test:1/],
      [['simulate', ...good, '--clients', '0'], /from 1 to 1000000/],
      [['simulate', ...good, '--clients', '1e3'], /expected a whole number/],
      [['simulate', '--config', at('many.yaml')], /ask for fewer clients/],
    ] as const) {
      const result = await run(...args);
      assert.match(result.err, message, args.join(' '));
      assert.notEqual(result.code, 0);
      assert.equal(result.out, '');
    }
  });
});
