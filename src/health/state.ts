// When a backend counts as up: a pure machine that counts verdicts in a row. It does not know what a probe is or when
// the next one comes, and it reads no clock.
//
//        unhealthy_threshold failures in a row
//   up ----------------------------------------> down
//      <----------------------------------------
//        healthy_threshold successes in a row
//
// A success among failures (and a failure among successes) starts the count again; an inconclusive verdict leaves it.

import type { HealthCode, Verdict } from './health.ts';

export interface HealthState {
  readonly up: boolean;
  /** Successes in a row while down, 0 while up. */
  readonly rising: number;
  /** Failures in a row while up, 0 while down. */
  readonly falling: number;
  readonly code: HealthCode;
  readonly detail: string;
}

export interface Thresholds {
  readonly unhealthy_threshold: number;
  readonly healthy_threshold: number;
}

/** A backend serves until probes say otherwise; one whose name has just come to resolve has to earn it. */
export function initialState(up: boolean): HealthState {
  return { up, rising: 0, falling: 0, code: 'INI', detail: '' };
}

/** The state after one probe. */
export function observe(state: HealthState, verdict: Verdict, thresholds: Thresholds): HealthState {
  const told = { ...state, code: verdict.code, detail: verdict.detail };
  switch (verdict.outcome) {
    case 'pass':
      if (state.up) return { ...told, falling: 0 };
      return state.rising + 1 >= thresholds.healthy_threshold
        ? turned(told)
        : { ...told, rising: state.rising + 1 };
    case 'fail':
      if (!state.up) return { ...told, rising: 0 };
      return state.falling + 1 >= thresholds.unhealthy_threshold
        ? turned(told)
        : { ...told, falling: state.falling + 1 };
    case 'inconclusive':
      return told;
    default: {
      const unreachable: never = verdict.outcome;
      throw new TypeError(`no such outcome: ${String(unreachable)}`);
    }
  }
}

/**
 * The state after sessions failed to connect so many times in a row. They count like failed probes, all but the last
 * that is needed: sessions fail for reasons of their own too, so that a probe has to confirm it.
 */
export function suspect(state: HealthState, failures: number, thresholds: Thresholds): HealthState {
  const falling = Math.max(state.falling, Math.min(failures, thresholds.unhealthy_threshold - 1));
  if (!state.up || falling === state.falling) return state;
  return { ...state, falling, code: 'PASSIVE', detail: `${failures} connects failed in a row` };
}

/** Whether no change is under way: then there is no hurry. */
export function isSettled(state: HealthState): boolean {
  return state.rising === 0 && state.falling === 0;
}

function turned(state: HealthState): HealthState {
  return { ...state, up: !state.up, rising: 0, falling: 0 };
}
