// Child processes that never outlive a run: each leads a process group of its own, and every group that is left is
// killed when this process ends, however it ends. Output goes to a file, since a pipe that nobody reads would block.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface Child {
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  hasEnded(): boolean;
  signal(name: NodeJS.Signals): void;
  /** What it has written to stderr (and to stdout, unless that is a pipe). */
  log(): string;
  /** Asks with SIGTERM, insists after `patienceMs`. */
  stop(patienceMs?: number): Promise<void>;
}

export interface ChildOptions {
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
  /** `pipe` hands stdin and stdout to the caller. */
  readonly stdio?: 'log' | 'pipe';
}

const alive = new Set<ChildProcess>();

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // it has just ended
  }
}

/** Ends whatever still runs. Called at exit; harmless when repeated. */
export function killAll(): void {
  for (const child of alive) killGroup(child, 'SIGKILL');
}

process.on('exit', killAll);

/** Starts a program; the process is returned as well, for callers that want its pipes. */
export function start(
  command: readonly string[],
  options: ChildOptions,
): { readonly child: Child; readonly process: ChildProcess } {
  const [program, ...args] = command;
  if (program === undefined) throw new TypeError('no program');
  const log = openSync(options.logFile, 'a');
  const piped = options.stdio === 'pipe';
  const spawned = spawn(program, args, {
    detached: true,
    stdio: piped ? ['pipe', 'pipe', log] : ['ignore', log, log],
    env: options.env ?? process.env,
  });
  closeSync(log);
  alive.add(spawned);
  let over = false;
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    spawned.once('error', () => resolve({ code: 127, signal: null }));
    spawned.once('exit', (code, signal) => resolve({ code, signal }));
  }).then((how) => {
    over = true;
    alive.delete(spawned);
    return how;
  });
  const child: Child = {
    pid: spawned.pid ?? 0,
    ended,
    hasEnded: () => over,
    signal: (name) => void spawned.kill(name),
    log: () => readFileSync(options.logFile, 'utf8'),
    async stop(patienceMs = 2000) {
      if (over) return;
      spawned.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(spawned, 'SIGKILL'), patienceMs);
      await ended;
      clearTimeout(timer);
      killGroup(spawned, 'SIGKILL'); // whoever it has left behind
    },
  };
  return { child, process: spawned };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks every few milliseconds until `look` gives something; undefined at the deadline or when `stop` says so. */
export async function poll<T>(
  look: () => T | undefined,
  deadlineMs: number,
  stop: () => boolean = () => false,
): Promise<T | undefined> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (stop() || performance.now() > until) return undefined;
    await sleep(5);
  }
}
