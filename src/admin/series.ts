// What was: a bounded ring of samples, one a second, taken while somebody looks and for a while after, so that a page
// that is opened again shows what it has missed. Reads counters and nothing else; no viewer costs the data plane more
// than one reading a second. A time in which nobody looked is a gap, not a guess.

import { STATE_LETTERS } from '../api/states.ts';
import type { BackendState, RosterView, SampleView, SeriesView } from '../api/views.ts';
import { CLOSE_REASONS, type Counters } from '../engine/engine.ts';
import { IS_ERROR } from '../metrics/reasons.ts';

export interface FollowedBackend {
  readonly pool: string;
  readonly backend: string;
  readonly state: BackendState;
}

/** What samples are made of, at one moment. */
export interface Reading {
  readonly counters: Counters;
  readonly backends: readonly FollowedBackend[];
}

export interface RecorderParts {
  readonly read: () => Reading;
  readonly turnBounds: () => readonly number[];
  readonly clock?: RecorderClock;
  readonly run?: string;
}

export interface RecorderClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970. */
  date(): number;
  /** Until the answer is called. Does not keep the process alive. */
  every(ms: number, run: () => void): () => void;
}

export interface Recorder {
  /** Samples after that one; all that are kept for one that was never taken. */
  view(after: number): SeriesView;
}

export const EVERY_MS = 1000;
export const MOST_SAMPLES = 600;
/** Nobody has looked for so long: no more samples. */
export const LINGER_MS: number = MOST_SAMPLES * EVERY_MS;
/** Backends beyond are left out of samples, not of the state. */
export const MOST_FOLLOWED = 128;

const systemClock: RecorderClock = {
  now: () => performance.now(),
  date: () => Date.now(),
  every(ms, run) {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

export function createRecorder({
  read,
  turnBounds,
  clock = systemClock,
  run = `${process.pid}-${Date.now()}`,
}: RecorderParts): Recorder {
  let samples: SampleView[] = [];
  let rosters: RosterView[] = [];
  let lastSeq = 0;
  let lastRoster = 0;
  let before: { readonly at: number; readonly counters: Counters } | undefined;
  let lookedAt = 0;
  let stop: (() => void) | undefined;

  function take(): void {
    const now = clock.now();
    if (now - lookedAt > LINGER_MS) {
      stop?.();
      stop = undefined;
      // What is counted until somebody looks again belongs to no sample.
      before = undefined;
      return;
    }
    const { counters, backends } = read();
    if (before !== undefined && now > before.at) {
      lastSeq += 1;
      samples.push({
        seq: lastSeq,
        at: clock.date(),
        seconds: (now - before.at) / 1000,
        ...growth(before.counters, counters),
        roster: rosterOf(backends),
        states: backends
          .slice(0, MOST_FOLLOWED)
          .map(({ state }) => STATE_LETTERS[state])
          .join(''),
      });
      if (samples.length > MOST_SAMPLES) samples = samples.slice(-MOST_SAMPLES);
      const first = samples[0]?.roster ?? 0;
      if ((rosters[0]?.id ?? 0) < first) rosters = rosters.filter(({ id }) => id >= first);
    }
    before = { at: now, counters };
  }

  /** The number of those backends in that order: the last one unless a reload has changed them. */
  function rosterOf(backends: readonly FollowedBackend[]): number {
    const followed = backends.slice(0, MOST_FOLLOWED);
    const last = rosters.at(-1);
    const same =
      last?.backends.length === followed.length &&
      last.backends.every(
        ({ pool, backend }, at) => followed[at]?.pool === pool && followed[at].backend === backend,
      );
    if (same) return last.id;
    lastRoster += 1;
    rosters.push({
      id: lastRoster,
      backends: followed.map(({ pool, backend }) => ({ pool, backend })),
      left_out: backends.length - followed.length,
    });
    return lastRoster;
  }

  return {
    view(after) {
      lookedAt = clock.now();
      if (stop === undefined) {
        take();
        stop = clock.every(EVERY_MS, take);
      }
      // A number from before a restart may be higher than any.
      const from = after > lastSeq ? 0 : after;
      const oldest = clock.date() - LINGER_MS;
      const told = samples.filter(({ seq, at }) => seq > from && at >= oldest);
      const wanted = new Set(told.map(({ roster }) => roster));
      return {
        run,
        every_seconds: EVERY_MS / 1000,
        kept_seconds: LINGER_MS / 1000,
        turn_bounds_seconds: turnBounds(),
        rosters: rosters.filter(({ id }) => wanted.has(id)),
        samples: told,
      };
    },
  };
}

type Growth = Omit<SampleView, 'seq' | 'at' | 'seconds' | 'roster' | 'states'>;

function growth(before: Counters, now: Counters): Growth {
  const listeners = pairs(before.listeners, now.listeners);
  const backends = pairs(before.backends, now.backends);
  const closed = CLOSE_REASONS.map((_, at) => total(listeners, (each) => each.closed[at]));
  const buckets = now.listeners[0]?.turnBuckets.map((_, at) =>
    total(listeners, (each) => each.turnBuckets[at]),
  );
  return {
    sessions: now.listeners.reduce((all, { active }) => all + Number(active), 0),
    accepted: total(listeners, ({ accepted }) => accepted),
    to_backend_bytes: total(listeners, (each) => each.toBackendBytes),
    to_client_bytes: total(listeners, (each) => each.toClientBytes),
    closed: Object.fromEntries(
      CLOSE_REASONS.map((reason, at) => [reason, closed[at] ?? 0] as const).filter(([, count]) => count > 0),
    ),
    errors: closed.reduce((all, count, at) => (IS_ERROR[at] === true ? all + count : all), 0),
    connect_failures: total(backends, ({ failures }) => failures.reduce((all, count) => all + count, 0n)),
    turn_buckets: trimmed(buckets ?? []),
    worker_sessions: now.workers.map(({ sessions }) => Number(sessions)),
    worker_accepted: now.workers.map(({ accepted }, at) => grown(before.workers[at]?.accepted, accepted)),
  };
}

/** What is there now, each with what it was; one that is new had counted nothing. */
function pairs<T extends { readonly slot: number }>(
  before: readonly T[],
  now: readonly T[],
): readonly (readonly [T | undefined, T])[] {
  const known = new Map(before.map((each) => [each.slot, each]));
  return now.map((each) => [known.get(each.slot), each]);
}

function total<T>(
  all: readonly (readonly [T | undefined, T])[],
  of: (each: T) => bigint | undefined,
): number {
  return all.reduce(
    (sum, [was, is]) => sum + grown(was === undefined ? undefined : of(was), of(is) ?? 0n),
    0,
  );
}

/** What was away and has come back counts from 0 again. */
function grown(before: bigint = 0n, now: bigint): number {
  return Number(now >= before ? now - before : now);
}

function trimmed(counts: readonly number[]): readonly number[] {
  return counts.slice(0, counts.findLastIndex((count) => count > 0) + 1);
}
