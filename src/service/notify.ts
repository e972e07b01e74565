// What a service manager is told (systemd's Type=notify): ready, reloading, stopping, which process is the main one, that
// this thread still runs. Datagrams to NOTIFY_SOCKET; without one nothing is said. A manager that does not listen is no
// reason to stop anything. Knows no balancer.

import type { ProcessCalls } from '../engine/binding.ts';
import { describeError, oneLine } from '../errors.ts';

export interface Notifier {
  /** It serves; the line is for people. After a reload as well, whatever became of it. */
  ready(status: string): void;
  reloading(): void;
  stopping(status: string): void;
  status(text: string): void;
  /** Another process is the main one from now on; what this one says counts no more. */
  mainPid(pid: number): void;
  /** No more of what is said by the clock. */
  close(): void;
}

export interface NotifierParts {
  readonly tell: ProcessCalls['tell'];
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Nanoseconds since the machine started. */
  readonly monotonic: () => bigint;
  /** Runs it every so many milliseconds without keeping the process alive; returns the way to end that. */
  readonly every: (ms: number, run: () => void) => () => void;
  readonly warn: (message: string) => void;
}

/** While it ends, the manager is asked for this much more time, this often. */
const MORE_TIME_MS = 15_000;
const ASK_EVERY_MS = 5000;
/** Nobody reads more of a status. */
const MOST_STATUS = 300;

export function createNotifier({ tell, env, pid, monotonic, every, warn }: NotifierParts): Notifier {
  const path = env['NOTIFY_SOCKET'] ?? '';
  const clocks: (() => void)[] = [];
  let isMain = path !== '';
  let told = false;

  function say(...lines: readonly string[]): void {
    if (!isMain) return;
    try {
      tell(path, lines.join('\n'));
    } catch (error) {
      if (!told) warn(`the service manager cannot be told how we are: ${describeError(error)}`);
      told = true;
    }
  }

  const patience = watchdogMs(env, pid);
  if (isMain && patience !== undefined) clocks.push(every(patience / 2, () => say('WATCHDOG=1')));

  return {
    ready: (text) => say('READY=1', statusLine(text)),
    reloading: () => say('RELOADING=1', `MONOTONIC_USEC=${monotonic() / 1000n}`),
    stopping(text) {
      const more = `EXTEND_TIMEOUT_USEC=${MORE_TIME_MS * 1000}`;
      say('STOPPING=1', statusLine(text), more);
      if (isMain) clocks.push(every(ASK_EVERY_MS, () => say(more)));
    },
    status: (text) => say(statusLine(text)),
    mainPid(next) {
      say(`MAINPID=${next}`);
      isMain = false;
    },
    close() {
      for (const stop of clocks.splice(0)) stop();
    },
  };
}

function statusLine(text: string): string {
  return `STATUS=${oneLine(text).slice(0, MOST_STATUS)}`;
}

/** Undefined where nobody watches this very process. */
function watchdogMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const micros = Number(env['WATCHDOG_USEC']);
  const whose = env['WATCHDOG_PID'];
  if (!Number.isInteger(micros) || micros < 1000) return undefined;
  return whose === undefined || whose === String(pid) ? micros / 1000 : undefined;
}
