// Starts the program anew, as it is on disk now, with the arguments, the folder and the environment of this process and
// one end of a Unix socket. What it must not inherit is what a service manager has told this very process.

import { spawn } from 'node:child_process';

import type { ProcessCalls } from '../engine/binding.ts';
import { describeError } from '../errors.ts';

/** Names the descriptor on which a process that was started so finds the one that started it. */
export const TAKE_OVER_VARIABLE = 'ULTRABALANCER_TAKE_OVER';

export interface Successor {
  /** Our end; the caller's. */
  readonly socket: number;
  readonly pid: number;
  /** In words, once it has left. Never rejects. */
  readonly left: Promise<string>;
  /** Asks it to go and makes it go when it does not, or at once. */
  end(atOnce: boolean): void;
}

export type Started =
  { readonly ok: true; readonly successor: Successor } | { readonly ok: false; readonly message: string };

/** For a process that is asked to go. */
const LAST_MOMENT_MS = 2000;
const FIRST_SPARE_DESCRIPTOR = 3;

export async function startSuccessor(
  calls: Pick<ProcessCalls, 'pair' | 'close' | 'passLowPorts'>,
): Promise<Started> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    [TAKE_OVER_VARIABLE]: String(FIRST_SPARE_DESCRIPTOR),
  };
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'WATCHDOG_PID'])
    Reflect.deleteProperty(env, name);
  let ends: [number, number];
  try {
    ends = calls.pair();
  } catch (error) {
    return { ok: false, message: describeError(error) };
  }
  const [ours, theirs] = ends;
  // The right to bind low ports goes on to this program alone, not to those that check backends.
  const passed = calls.passLowPorts(true);
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env,
    stdio: ['inherit', 'inherit', 'inherit', theirs],
  });
  if (passed) calls.passLowPorts(false);
  calls.close(theirs);
  const left = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it cannot be started: ${describeError(error)}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `it left with exit code ${code ?? 0}` : `it was ended by ${signal}`),
    );
  });
  child.unref();
  if (child.pid === undefined) {
    calls.close(ours);
    return { ok: false, message: await left };
  }
  return {
    ok: true,
    successor: {
      socket: ours,
      pid: child.pid,
      left,
      end(atOnce) {
        child.kill(atOnce ? 'SIGKILL' : 'SIGTERM');
        const impatience = setTimeout(() => child.kill('SIGKILL'), LAST_MOMENT_MS);
        impatience.unref();
        child.once('exit', () => clearTimeout(impatience));
      },
    },
  };
}
