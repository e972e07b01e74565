// The probing of one backend: one probe at a time, the next one an interval after the last one began, sooner while a
// change is under way. Holds the state that the probes lead to. Pools that ask the same share a check; it knows none.

import type { Awake } from './awake.ts';
import type { Gate } from './gate.ts';
import type { HealthCheckSettings, HealthCode, Probe, Verdict } from './health.ts';
import { type HealthState, isSettled, observe, suspect } from './state.ts';
import type { Time } from './time.ts';

export interface CheckCounts {
  readonly probes: number;
  readonly failures: number;
  readonly inconclusive: number;
  readonly lastDurationMs: number | undefined;
  /** Monotonic. */
  readonly lastAt: number | undefined;
}

export interface Check {
  state(): HealthState;
  counts(): CheckCounts;
  /** A new number for its name; undefined stops the probing until there is one. */
  retarget(address: string | undefined): void;
  /** Sessions could not connect so many times in a row. */
  suspect(failures: number): void;
  /** No call of `onChange` follows. */
  stop(): void;
}

export interface CheckOptions {
  readonly settings: HealthCheckSettings;
  readonly host: string;
  readonly port: number;
  readonly address: string | undefined;
  readonly initial: HealthState;
  /** Until the first probe. */
  readonly firstDelayMs: number;
  readonly probe: Probe;
  readonly gate: Gate;
  readonly time: Time;
  readonly awake: Awake;
  /** 0 (included) to 1 (excluded). */
  readonly random: () => number;
  /** After each verdict and each suspicion. */
  readonly onChange: () => void;
  /** The first of several inconclusive probes in a row. */
  readonly onInconclusive: (verdict: Verdict) => void;
}

/** While a change is under way, unless the config says otherwise. */
const DEFAULT_FAST_MS = 1000;
/** Below this, intervals do not vary: they are short because somebody wants them exact. */
const JITTER_FROM_MS = 1000;
/** A second probe, asked for by sessions, comes no sooner than this after the one before. */
const HURRY_MS = 200;
/** A probe during which this process slept for so long may have failed because of that: it is repeated. */
const EXCUSED_FROM_MS = 100;
/** Failures to answer, that is: a refusal or a wrong answer is one whoever slept. */
const EXCUSABLE: ReadonlySet<HealthCode> = new Set(['L4TOUT', 'L7TOUT', 'L7RSP', 'PROCTOUT']);
/** But not for ever, or a process that is always late would never find anybody down. */
const MAX_EXCUSES = 2;

export function createCheck(options: CheckOptions): Check {
  const { settings, time, awake } = options;
  let state = options.initial;
  let address = options.address;
  let counts: CheckCounts = {
    probes: 0,
    failures: 0,
    inconclusive: 0,
    lastDurationMs: undefined,
    lastAt: undefined,
  };
  let began = Number.NEGATIVE_INFINITY;
  let excuses = 0;
  let last: Verdict | undefined;
  let cancelTimer: () => void = () => undefined;
  /** The number of the probe that is under way or waits for a place, 0 for none; any other is out of date. */
  let current = 0;
  let latest = 0;
  /** Serves one probe after the other until it has to be used. */
  let ending = new AbortController();
  let leaveGate: () => void = () => undefined;
  let stopped = false;

  /** At that moment, or now when it has passed. */
  function schedule(at: number): void {
    cancelTimer();
    cancelTimer = time.after(Math.max(0, at - time.now()), begin);
  }

  function begin(): void {
    const target = address;
    if (target === undefined || current !== 0) return;
    const mine = (latest += 1);
    current = mine;
    leaveGate = options.gate.enter(() => {
      began = time.now();
      const unwatch = awake.watch();
      const sleptBefore = awake.slept();
      const port = settings.port === undefined || settings.port === 0 ? options.port : settings.port;
      void options.probe({ host: options.host, address: target, port }, ending.signal).then((verdict) => {
        const slept = awake.slept() - sleptBefore;
        unwatch();
        if (current !== mine) return;
        finish();
        conclude(verdict, slept);
      });
    });
  }

  function finish(): void {
    current = 0;
    leaveGate();
  }

  function conclude(verdict: Verdict, slept: number): void {
    const hasSlept = slept >= EXCUSED_FROM_MS;
    const excused =
      hasSlept && verdict.outcome === 'fail' && EXCUSABLE.has(verdict.code) && excuses < MAX_EXCUSES;
    if (excused) excuses += 1;
    else if (!hasSlept) excuses = 0;
    // An answer that was kept has been counted when it was new.
    if (verdict.askedAt === undefined || verdict.askedAt !== last?.askedAt) {
      count(
        excused ? { ...verdict, outcome: 'inconclusive', detail: explainPause(verdict, slept) } : verdict,
      );
    }
    if (current === 0 && address !== undefined && !stopped) schedule(excused ? time.now() : began + delay());
  }

  function count(verdict: Verdict): void {
    const isFirst = verdict.outcome === 'inconclusive' && last?.outcome !== 'inconclusive';
    const now = time.now();
    last = verdict;
    state = observe(state, verdict, settings);
    counts = {
      probes: counts.probes + 1,
      failures: counts.failures + (verdict.outcome === 'fail' ? 1 : 0),
      inconclusive: counts.inconclusive + (verdict.outcome === 'inconclusive' ? 1 : 0),
      lastDurationMs: now - began,
      lastAt: now,
    };
    if (isFirst) options.onInconclusive(verdict);
    options.onChange();
  }

  function delay(): number {
    const { interval, jitter } = settings;
    const isCalm = isSettled(state) && last?.outcome !== 'inconclusive';
    const base = isCalm ? interval : Math.min(settings.fast_interval ?? DEFAULT_FAST_MS, interval);
    return base < JITTER_FROM_MS ? base : base * (1 + ((options.random() * 2 - 1) * jitter) / 100);
  }

  /** What is under way speaks of another address, or is not wanted any more. */
  function abandon(): void {
    cancelTimer();
    if (current === 0) return;
    current = 0;
    leaveGate();
    ending.abort();
    ending = new AbortController();
  }

  if (address !== undefined) schedule(time.now() + options.firstDelayMs);

  return {
    state: () => state,
    counts: () => counts,
    retarget(next) {
      if (next === address) return;
      address = next;
      abandon();
      if (next !== undefined) schedule(time.now());
    },
    suspect(failures) {
      const before = state;
      state = suspect(state, failures, settings);
      if (address !== undefined && current === 0 && !stopped && state.up) {
        schedule(began + Math.min(HURRY_MS, settings.interval));
      }
      if (state !== before) options.onChange();
    },
    stop() {
      stopped = true;
      abandon();
    },
  };
}

function explainPause({ detail }: Verdict, slept: number): string {
  return `${detail}${detail === '' ? '' : ', '}but this process paused for ${Math.round(slept)} ms`;
}
