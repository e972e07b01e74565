// Keeps one thread for one check module: starts it when it is first asked, gives it up when it hangs or dies, and lets
// it start again after a pause that grows. A module may block its thread for as long as it likes; this one never waits
// for it. Backends that share a module share its thread.

import { Worker } from 'node:worker_threads';
import type { Awake } from './awake.ts';
import type { Verdict } from './health.ts';
import type { Time } from './time.ts';

export interface ModuleBackend {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

export type ModuleRequest =
  { readonly type: 'ask'; readonly id: number; readonly backend: ModuleBackend } | { readonly type: 'ping' };

export type ModuleAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'broken'; readonly reason: string }
  | { readonly type: 'begun'; readonly id: number }
  | { readonly type: 'done'; readonly id: number; readonly healthy: boolean; readonly reason: string }
  | { readonly type: 'pong' };

export interface ModuleHost {
  /** Never rejects. */
  ask(backend: ModuleBackend, timeout: number, signal: AbortSignal): Promise<Verdict>;
  /** Ends the thread; what is being asked is given up. */
  close(): void;
}

export interface ModuleHostOptions {
  /** Absolute. */
  readonly file: string;
  readonly time: Time;
  readonly awake: Awake;
}

/** A module may take this long to load: it often connects to something. */
const LOAD_MS = 10_000;
/** A thread that does not say a word for so long after a check has run out of time is stuck. */
const PONG_MS = 1000;
/** Checks that ran out of time and may still be at it; beyond, the thread is replaced. */
const MAX_LEFT_BEHIND = 64;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
const MAX_HEAP_MB = 128;

interface Question {
  readonly backend: ModuleBackend;
  readonly timeout: number;
  begun: boolean;
  cancelDeadline: () => void;
  settle(verdict: Verdict): void;
}

interface Running {
  readonly worker: Worker;
  readonly startedAt: number;
  ready: boolean;
  cancelWait: (() => void) | undefined;
  /** Questions nobody waits for any more, as long as the module has not answered them. */
  readonly leftBehind: Set<number>;
}

export function createModuleHost({ file, time, awake }: ModuleHostOptions): ModuleHost {
  const questions = new Map<number, Question>();
  let nextId = 1;
  let running: Running | undefined;
  let pause = 0;
  let resting: { readonly until: number; readonly verdict: Verdict } | undefined;
  let closed = false;

  /** Undefined when no thread is to be had. */
  function start(): Running | undefined {
    let worker: Worker;
    try {
      worker = openThread(file);
    } catch (error) {
      rest(unasked((error as Error).message));
      return undefined;
    }
    const run: Running = {
      worker,
      startedAt: time.now(),
      ready: false,
      cancelWait: undefined,
      leftBehind: new Set(),
    };
    run.cancelWait = awake.deadline(LOAD_MS, () =>
      giveUp(run, failure('PROCTOUT', 'it does not load in time')),
    );
    worker.on('message', (answer: ModuleAnswer) => hear(run, answer));
    worker.on('error', (error) => giveUp(run, failure('PROCERR', `it died: ${error.message}`)));
    worker.on('exit', () => giveUp(run, failure('PROCERR', 'it ended its thread')));
    return run;
  }

  function hear(run: Running, answer: ModuleAnswer): void {
    if (run !== running) return;
    switch (answer.type) {
      case 'ready':
        run.ready = true;
        stopWaiting(run);
        for (const [id, question] of questions) send(run, id, question);
        return;
      case 'broken':
        return giveUp(run, failure('PROCERR', `cannot be used: ${answer.reason}`));
      case 'begun': {
        const question = questions.get(answer.id);
        if (question !== undefined) question.begun = true;
        return;
      }
      case 'done': {
        run.leftBehind.delete(answer.id);
        const { healthy, reason } = answer;
        questions
          .get(answer.id)
          ?.settle(healthy ? { outcome: 'pass', code: 'PROCOK', detail: '' } : failure('PROCERR', reason));
        return;
      }
      case 'pong':
        return stopWaiting(run);
      default: {
        const unreachable: never = answer;
        throw new TypeError(`no such answer: ${JSON.stringify(unreachable)}`);
      }
    }
  }

  function send(run: Running, id: number, question: Question): void {
    question.cancelDeadline = awake.deadline(question.timeout, () => outOfTime(run, id, question));
    run.worker.postMessage({ type: 'ask', id, backend: question.backend } satisfies ModuleRequest);
  }

  function outOfTime(run: Running, id: number, question: Question): void {
    questions.delete(id);
    // One that was never begun stood behind another that blocks the thread: not this backend's fault.
    question.settle(
      question.begun ? failure('PROCTOUT', 'no answer in time') : unasked('its thread is busy'),
    );
    if (run !== running) return;
    leaveBehind(run, id);
    if (run !== running) return;
    run.cancelWait ??= awake.deadline(PONG_MS, () => giveUp(run, unasked('its thread was stuck')));
    run.worker.postMessage({ type: 'ping' } satisfies ModuleRequest);
  }

  function leaveBehind(run: Running, id: number): void {
    run.leftBehind.add(id);
    if (run.leftBehind.size > MAX_LEFT_BEHIND) giveUp(run, unasked('its thread is replaced'));
  }

  function stopWaiting(run: Running): void {
    run.cancelWait?.();
    run.cancelWait = undefined;
  }

  /** Ends this thread; those that wait get the verdict, and so does who asks during the pause. */
  function giveUp(run: Running, verdict: Verdict): void {
    if (run !== running) return;
    running = undefined;
    stopWaiting(run);
    void run.worker.terminate();
    if (time.now() - run.startedAt > LONGEST_PAUSE_MS) pause = 0;
    // A module that cannot be loaded vouches for nobody; one that was stuck has not been asked.
    rest(run.ready ? unasked('its thread starts again') : verdict);
    for (const question of [...questions.values()]) {
      question.settle(question.begun || !run.ready ? verdict : unasked('its thread has ended'));
    }
  }

  function rest(verdict: Verdict): void {
    pause = pause === 0 ? FIRST_PAUSE_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
    resting = { until: time.now() + pause, verdict };
  }

  return {
    ask(backend, timeout, signal) {
      return new Promise((resolve) => {
        if (closed || signal.aborted) return resolve(unasked('given up'));
        if (resting !== undefined && time.now() < resting.until) return resolve(resting.verdict);
        resting = undefined;
        running ??= start();
        if (running === undefined) return resolve(unasked('no thread to be had'));
        const id = nextId++;
        const abort = (): void => {
          question.settle(unasked('given up'));
          if (running?.ready === true) leaveBehind(running, id);
        };
        const question: Question = {
          backend,
          timeout,
          begun: false,
          cancelDeadline: () => undefined,
          settle(verdict) {
            questions.delete(id);
            question.cancelDeadline();
            signal.removeEventListener('abort', abort);
            resolve(verdict);
          },
        };
        questions.set(id, question);
        signal.addEventListener('abort', abort);
        if (running.ready) send(running, id, question);
      });
    },
    close() {
      closed = true;
      for (const question of [...questions.values()]) question.settle(unasked('given up'));
      const run = running;
      running = undefined;
      if (run === undefined) return;
      stopWaiting(run);
      void run.worker.terminate();
    },
  };
}

function openThread(file: string): Worker {
  const worker = new Worker(new URL('./module-worker.js', import.meta.url), {
    workerData: { file },
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  // What a module prints is not the log's: read, so that it does not pile up, and dropped.
  worker.stdout.resume();
  worker.stderr.resume();
  worker.unref();
  return worker;
}

function failure(code: 'PROCERR' | 'PROCTOUT', reason: string): Verdict {
  return { outcome: 'fail', code, detail: reason === '' ? 'module: no' : `module: ${reason}` };
}

function unasked(reason: string): Verdict {
  return { outcome: 'inconclusive', code: 'PROCERR', detail: `module: ${reason}` };
}
