// The command line and its config file: what is refused, with exit code 2 and a place to look at, and what is taken.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { at, CLI, ROOT } from '../helpers/balancer.ts';
import { freePort, listensOn } from '../helpers/machine.ts';
import { echo } from '../helpers/tcp-script.ts';
import { inOneMode } from './modes.ts';

const folder = mkdtempSync(join(tmpdir(), 'ub-config-'));
after(() => rmSync(folder, { recursive: true }));

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(...args: string[]): Said {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { code: status, out: stdout, err: stderr };
}

function file(text: string | Buffer): string {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

const GOOD = 'listen: 127.0.0.1:8080\nbackends:\n  - { host: 127.0.0.1, port: 9001 }\n';

/** What is wrong, the file, the line of the complaint, and a word of it. */
const WRONG: readonly (readonly [string, string, number, RegExp])[] = [
  ['a syntax error', 'listen: [\nbackends: 1\n', 0, /./],
  ['an unknown key', `${GOOD}algoritm: random\n`, 4, /algorithm/],
  ['a key that comes twice', `${GOOD}listen: 127.0.0.1:8081\n`, 4, /./],
  ['a word for a number', `${GOOD}workers: many\n`, 4, /workers/],
  ['no backends', 'listen: 127.0.0.1:8080\n', 1, /backends/],
  ['an empty list of backends', 'listen: 127.0.0.1:8080\nbackends: []\n', 2, /backends/],
  ['a port that is none', GOOD.replace('9001', '65536'), 3, /65535/],
  ['port 0', GOOD.replace('9001', '0'), 3, /port/],
  ['a port with letters behind it', GOOD.replace('8080', '80abc'), 1, /listen|port|address/],
  ['a time without sense', `${GOOD}timeouts: { connect: soon }\n`, 4, /connect/],
  ['not a number', `${GOOD}max_connections: .nan\n`, 4, /max_connections/],
  ['an algorithm that is not there', `${GOOD}algorithm: fastest\n`, 4, /round_robin/],
  ['every weight 0', GOOD.replace('9001', '9001, weight: 0'), 0, /weight/],
  ['a backend twice', `${GOOD}  - { host: 127.0.0.1, port: 9001 }\n`, 4, /twice|already|same/],
  ['the listener as its own backend', GOOD.replace('9001', '8080'), 0, /itself|listen/],
  [
    'an address listened on twice',
    GOOD.replace('127.0.0.1:8080', '[127.0.0.1:8080, 127.0.0.1:8080]'),
    1,
    /8080/,
  ],
  ['a code tag', `${GOOD}algorithm: !!js/function "x"\n`, 4, /tag/],
  ['two documents', `${GOOD}---\n${GOOD}`, 0, /document/],
  ['a prototype', `${GOOD}__proto__: { workers: 1 }\n`, 4, /__proto__/],
  ['nothing at all', '', 0, /./],
  ['a list', '- 1\n- 2\n', 1, /./],
  ['sizes that contradict', `${GOOD}buffer_size: 65536\nmax_buffer_size: 4096\n`, 0, /buffer_size/],
  [
    'a pool that is not there',
    'listeners: { a: { listen: 8080, pool: b } }\npools: { c: { backends: [{ host: "::1", port: 1 }] } }\n',
    1,
    /pool/,
  ],
  ['both forms at once', `${GOOD}pools: {}\n`, 0, /./],
  [
    'metrics on the port of a listener',
    `${GOOD}monitoring: { prometheus: { enabled: true, port: 8080 } }\n`,
    0,
    /8080|port/,
  ],
];

for (const [what, text, line, word] of WRONG) {
  test(`${what}: exit 2 and FILE:LINE:COLUMN, by --check and by a start`, () => {
    const path = file(text);
    for (const args of [['--check'], []]) {
      const { code, err } = run('--config', path, ...args);
      assert.equal(code, 2, err);
      const place = new RegExp(`^${path}:(\\d+):\\d+: `, 'm').exec(err);
      assert.ok(place !== null, err);
      if (line > 0) assert.equal(Number(place[1]), line, err);
      assert.match(err, word);
      assert.doesNotMatch(err, /^\s+at .*:\d+:\d+\)?$/m, 'a stack trace is no message');
    }
  });
}

test('several problems are told at once', () => {
  const { code, err } = run(
    '--check',
    '--config',
    file(`${GOOD}workers: many\nalgorithm: fastest\nnonsense: 1\n`),
  );
  assert.equal(code, 2);
  assert.ok((err.match(/^\/.*:\d+:\d+: /gm) ?? []).length >= 3, err);
});

test('bytes that are no UTF-8, and ten megabytes of keys: exit 2, few words, soon', () => {
  assert.equal(run('--check', '--config', file(Buffer.from([0x6c, 0x3a, 0x20, 0xff, 0xfe, 0x0a]))).code, 2);
  const huge = Array.from({ length: 400_000 }, (_, i) => `unknown_key_number_${i}: 1`).join('\n');
  const { code, err } = run('--check', '--config', file(huge));
  assert.equal(code, 2);
  assert.ok(err.length < 100_000, `${err.length} characters`);
});

test('bad command lines: exit 2 and a word about it', () => {
  for (const args of [
    [],
    ['--config'],
    ['--no-such-flag'],
    ['--config', file(GOOD), 'stray'],
    ['--check'],
    ['--config', '/nowhere.yaml'],
  ]) {
    const { code, err } = run(...args);
    assert.equal(code, 2, `${args.join(' ')}: ${err}`);
    assert.ok(err.length > 0);
  }
});

test('--check takes good configs of both forms, and every example, and binds nothing', async () => {
  const port = await freePort();
  const flat = GOOD.replace('8080', String(port));
  const full = JSON.stringify({
    listeners: { a: { listen: `127.0.0.1:${port}`, pool: 'p' } },
    pools: { p: { backends: [{ host: '127.0.0.1', port: 9001 }] } },
  });
  for (const text of [flat, full, `\uFEFF${flat}`]) {
    const { code, err } = run('--check', '--config', file(text));
    assert.equal(code, 0, err);
  }
  const examples = readdirSync(join(ROOT, 'config', 'examples')).map((name) => join('examples', name));
  for (const name of [...examples, 'default.yaml']) {
    const { code, err } = run('--check', '--config', join(ROOT, 'config', name));
    assert.equal(code, 0, `${name}: ${err}`);
  }
  assert.ok(!listensOn(port));
});

test('--check does not mind that the port is taken: it does not try', async () => {
  const port = await freePort();
  const { createServer } = await import('node:net');
  const server = createServer().listen(port, '127.0.0.1');
  assert.equal(run('--check', '--config', file(GOOD.replace('8080', String(port)))).code, 0);
  server.close();
});

test('--print-effective-config tells values and where they come from', () => {
  const { code, out } = run('--print-effective-config', '--config', file(`${GOOD}max_connections: 4321\n`));
  assert.equal(code, 0);
  assert.match(out, /max_connections: 4321.*:4:/);
  assert.match(out, /half_close: .*default/);
});

test('--print-schema prints JSON', () => {
  const { code, out } = run('--print-schema');
  assert.equal(code, 0);
  assert.equal(typeof JSON.parse(out), 'object');
});

inOneMode('names with quotes, newlines and brackets are data, or refused', async (lab) => {
  const backend = (await lab.backend()).serve(echo);
  const port = await freePort();
  const name = 'a"b\\c\n# HELP x y\n{z="1"}';
  const settings = {
    listeners: { [name]: { listen: `127.0.0.1:${port}`, pool: name } },
    pools: { [name]: { backends: [at(backend)] } },
  };
  const { code, err } = run('--check', '--config', file(JSON.stringify(settings)));
  if (code === 2) {
    assert.match(err, /:\d+:\d+: /);
    return;
  }
  const lb = await lab.start(settings);
  assert.equal(await lb.metric('active_connections', { listener: name }), 0);
});
