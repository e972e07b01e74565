// A probe that runs a program: exit code 0 is success. No shell, no output read, a process group of its own so that
// what the program starts dies with it at the deadline. Knows nothing of what the program does.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Awake } from './awake.ts';
import type { Probe, ProbeTarget, Verdict } from './health.ts';

/** No process to be had: that is this host's lack and no backend's. */
const OWN_LACKS: ReadonlySet<string> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);

export interface CommandProbeOptions {
  readonly timeout: number;
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly awake: Awake;
}

/**
 * The program finds the backend in its environment: BACKEND_HOST as configured, BACKEND_ADDRESS as the number that
 * this name stands for now, BACKEND_PORT.
 */
export function createCommandProbe({ timeout, command, awake }: CommandProbeOptions): Probe {
  const [program = '', ...args] = command;
  return (target, signal) =>
    new Promise((resolve) => {
      let settled = false;
      let child: ChildProcess | undefined;
      const cancelDeadline = awake.deadline(timeout, () =>
        settle({ outcome: 'fail', code: 'PROCTOUT', detail: 'no exit in time' }),
      );

      function settle(verdict: Verdict): void {
        if (settled) return;
        settled = true;
        cancelDeadline();
        signal.removeEventListener('abort', abort);
        if (child !== undefined) killGroup(child);
        resolve(verdict);
      }

      function abort(): void {
        settle({ outcome: 'inconclusive', code: 'PROCERR', detail: 'given up' });
      }

      function failed(error: NodeJS.ErrnoException): void {
        const code = error.code ?? error.message;
        settle({
          outcome: OWN_LACKS.has(code) ? 'inconclusive' : 'fail',
          code: 'PROCERR',
          detail: `${program}: ${code === 'ENOENT' ? 'no such program' : code}`,
        });
      }

      signal.addEventListener('abort', abort);
      if (signal.aborted) return abort();
      try {
        child = spawn(program, args, { stdio: 'ignore', detached: true, env: environment(target) });
      } catch (error) {
        return failed(error as NodeJS.ErrnoException);
      }
      child.on('error', failed);
      child.on('exit', (code, killedBy) => settle(judge(code, killedBy)));
    });
}

function environment({ host, address, port }: ProbeTarget): NodeJS.ProcessEnv {
  return { ...process.env, BACKEND_HOST: host, BACKEND_ADDRESS: address, BACKEND_PORT: String(port) };
}

function judge(code: number | null, killedBy: NodeJS.Signals | null): Verdict {
  if (code === 0) return { outcome: 'pass', code: 'PROCOK', detail: '' };
  const detail = code === null ? `killed by ${killedBy ?? 'a signal'}` : `exit code ${code}`;
  return { outcome: 'fail', code: 'PROCERR', detail };
}

/** As long as its exit has not been told, the number is still its own. */
function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just gone by itself.
  }
}
