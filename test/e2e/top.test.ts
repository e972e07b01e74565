// `top` against a running balancer: on a terminal of its own (util-linux's script makes one), and without any.

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { at, type Case, CLI, scenario } from '../helpers/balancer.ts';
import { until, within } from '../helpers/deadline.ts';
import { echo } from '../helpers/tcp-script.ts';

const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';

interface Scene {
  readonly socket: string;
  readonly backend: string;
  turn(): Promise<void>;
}

async function setScene(lab: Case): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'top-'));
  lab.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'admin.sock');
  const backend = (await lab.backend()).serve(echo);
  const lb = await lab.start({ backends: [at(backend)], admin: { socket } });
  const client = await lb.connect();
  return {
    socket,
    backend: backend.key,
    async turn() {
      await client.send('x'.repeat(1000));
      await client.expect('x'.repeat(1000));
    },
  };
}

function run(
  ...args: string[]
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { timeout: 20_000 }, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

interface Terminal {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  text(): string;
  /** Of the command inside. */
  signal(name: NodeJS.Signals): void;
}

function onTerminal(lab: Case, args: readonly string[], env: Record<string, string> = {}): Terminal {
  const command = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty rows 24 cols 100; exec ${command}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  lab.atEnd(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  return {
    child,
    text: () => text,
    ended: new Promise((resolve) => child.on('exit', resolve)),
    signal(name) {
      const inside = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
      process.kill(Number(inside[0]), name);
    },
  };
}

test('without a terminal it is one frame; with --json one line a look', () =>
  scenario(async (lab) => {
    const { socket, backend, turn } = await setScene(lab);
    const looking = run('top', '--socket', socket, '--interval', '1');
    await turn();
    const frame = await looking;
    assert.deepEqual([frame.code, frame.err], [0, '']);
    assert.ok(frame.out.includes(backend) && !frame.out.includes('\u001b'), frame.out);
    const line = await run('ctl', '--json', '--socket', socket, 'top', '--once', '--interval', '0.2');
    const told = JSON.parse(line.out) as { total: { sessions: number }; backends: { backend: string }[] };
    assert.deepEqual([told.total.sessions, told.backends[0]?.backend], [1, backend]);
    const nobody = await run('top', '--socket', `${socket}.none`);
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /^cannot connect to .*: no such file or directory\n$/);
    assert.equal((await run('top', '--interval', 'soon')).code, 2);
  }));

for (const [how, leave] of [
  ['q', (terminal: Terminal) => terminal.child.stdin?.write('q')],
  ['SIGTERM', (terminal: Terminal) => terminal.signal('SIGTERM')],
  ['Ctrl-C', (terminal: Terminal) => terminal.child.stdin?.write('\u0003')],
] as const) {
  test(`on a terminal it follows what goes on, and gives the screen back at ${how}`, () =>
    scenario(async (lab) => {
      const { socket, backend, turn } = await setScene(lab);
      const terminal = onTerminal(lab, ['top', '--socket', socket, '--interval', '0.2']);
      const frames = (): string[] => terminal.text().split('\u001b[H');
      await until(
        () => frames().length > 2 && terminal.text().includes(backend),
        () => `a frame: ${terminal.text()}`,
        20_000,
      );
      assert.ok(terminal.text().startsWith(ENTER));
      // A second or so of turns: one look at least sees some.
      await until(
        async () => {
          await turn();
          return frames().some((frame) => /turns [1-9]/.test(frame));
        },
        () => `turns are seen: ${frames().at(-1)}`,
        20_000,
      );
      leave(terminal);
      assert.equal(await within(terminal.ended, 'it leaves', 20_000), 0);
      assert.ok(terminal.text().trimEnd().endsWith(LEAVE), JSON.stringify(terminal.text().slice(-80)));
      assert.ok(terminal.text().includes('\u001b[32m'), 'it has colours');
    }));
}

test('NO_COLOR leaves colours out', () =>
  scenario(async (lab) => {
    const { socket } = await setScene(lab);
    const terminal = onTerminal(lab, ['top', '--socket', socket], { NO_COLOR: '1' });
    await until(() => terminal.text().includes('BACKEND'), 'a frame', 20_000);
    terminal.child.stdin?.write('q');
    await within(terminal.ended, 'it leaves', 20_000);
    assert.ok(!terminal.text().includes('\u001b[32m') && !terminal.text().includes('\u001b[1m'));
  }));
