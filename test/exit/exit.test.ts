// Every way out of a process that has the addon in it: the exit code of that way, in bounded time, never a crash.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT } from '../helpers/balancer.ts';
import { within } from '../helpers/deadline.ts';

const SCENE = join(ROOT, '.build', 'test', 'fixtures', 'exit-scene.js');
const TIMES = process.env['UB_LONG'] === '1' ? 200 : 20;
/** At once: a way out is also taken while the machine is busy. */
const ABREAST = 4;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly text: string;
}

/** Plays a scene; `end` is sent when it says "here". */
function play(scene: string, end?: NodeJS.Signals): Promise<Ending> {
  const child = spawn(process.execPath, ['--expose-gc', SCENE, scene], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (end !== undefined && more.includes('here')) child.kill(end);
    });
  }
  const ending = new Promise<Ending>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, text })),
  );
  return within(ending, `${scene} ends`, 20_000).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
}

function expect(scene: string, code: number | null, signal: NodeJS.Signals | null = null): void {
  test(`${scene}: ${signal ?? `exit ${code}`}, ${TIMES} times`, { timeout: TIMES * 10_000 }, async () => {
    let left = TIMES;
    const runner = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const ending = await play(scene, signal ?? undefined);
        assert.deepEqual({ code: ending.code, signal: ending.signal }, { code, signal }, ending.text);
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, runner));
  });
}

expect('stopped', 0);
expect('stopped-twice', 0);
expect('never-applied', 0);
expect('many-starts', 0);
expect('collected', 0);
expect('exit-idle', 7);
expect('exit-in-traffic', 7);
expect('exit-draining', 7);
expect('exit-stopping', 7);
expect('exit-mid-apply', 7);
expect('exit-in-event', 7);
expect('collected-running', 7);
expect('throw', 1);
expect('throw-in-event', 1);
expect('rejection', 1);
expect('never-stopped', null, 'SIGTERM');
expect('worker-terminated', 0);
expect('worker-exits', 0);
expect('worker-throws', 0);
expect('worker-serving', 7);
