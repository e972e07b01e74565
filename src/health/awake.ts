// Deadlines that count only the time in which this thread could look. A process that was stopped, or a thread that was
// busy, has not waited: what arrived meanwhile lies in the socket and is read before any verdict. A beat runs while
// somebody watches and tells by its own lateness how long nobody was there.

import type { Time } from './time.ts';

/** Between two beats; a probe's deadline is exact to about this. */
const BEAT_MS = 25;

/** Lateness up to here is the everyday unevenness of timers. */
const TOLERANCE_MS = 25;

/** Turns of the event loop between the end of the time and the verdict: data may be read, then its answer. */
const LAST_LOOKS = 2;

export interface Awake {
  /** Milliseconds slept through so far, as far as somebody watched. */
  slept(): number;
  /** Watches until the answer is called. */
  watch(): () => void;
  /** Runs `expire` after `ms` awake and a last look at the sockets; the answer cancels it. */
  deadline(ms: number, expire: () => void): () => void;
}

export function createAwake(time: Time): Awake {
  let watchers = 0;
  let slept = 0;
  let last = 0;
  let cancelBeat: (() => void) | undefined;

  function look(): void {
    const now = time.now();
    const late = now - last - BEAT_MS;
    if (late > TOLERANCE_MS) slept += late;
    last = now;
  }

  function beat(): void {
    look();
    cancelBeat = time.after(BEAT_MS, beat);
  }

  function watch(): () => void {
    let watching = true;
    watchers += 1;
    if (watchers === 1) {
      last = time.now();
      cancelBeat = time.after(BEAT_MS, beat);
    }
    return () => {
      if (!watching) return;
      watching = false;
      watchers -= 1;
      if (watchers === 0) cancelBeat?.();
    };
  }

  function sleptUntilNow(): number {
    if (watchers > 0) look();
    return slept;
  }

  function deadline(ms: number, expire: () => void): () => void {
    const unwatch = watch();
    const begun = time.now() - sleptUntilNow();
    let over = false;
    let cancelTimer = time.after(ms, check);

    function check(): void {
      const rest = begun + ms - (time.now() - sleptUntilNow());
      if (rest > 1) cancelTimer = time.after(rest, check);
      else lookAgain(LAST_LOOKS);
    }

    function lookAgain(left: number): void {
      if (over) return;
      if (left > 0) {
        time.turn(() => lookAgain(left - 1));
        return;
      }
      end();
      expire();
    }

    function end(): void {
      over = true;
      cancelTimer();
      unwatch();
    }

    return end;
  }

  return { slept: sleptUntilNow, watch, deadline };
}
