// One frame of `top` as lines of text: totals, listeners, backends, cut to a width and a height. Pure. What finds no room
// is left out by a fixed order, and the frame says how many rows that were.

import type { Activity, BackendActivity, ListenerActivity } from '../api/activity.ts';
import { formatCount, formatLatency, formatRate, formatSeconds } from '../api/units.ts';
import type { StateView } from '../api/views.ts';
import { oneLine } from '../errors.ts';
import { type Column, cut, layOut, type Painted, paint } from './table.ts';

export const SORTS = ['config', 'sessions', 'new', 'bytes', 'p99', 'errors'] as const;
export type Sort = (typeof SORTS)[number];

export interface FrameInput {
  readonly state: StateView;
  readonly activity: Activity;
  readonly sort: Sort;
  /** At the right of the first line: the time, or why it stands still. */
  readonly note: string;
  /** The last line; '' leaves it out. */
  readonly help: string;
}

export interface FrameSize {
  readonly width: number;
  /** 0 is as many lines as there are. */
  readonly height: number;
  readonly colour: boolean;
}

const NONE = '-';

function rate(value: number | null): string {
  return value === null ? NONE : formatRate(value);
}

function size(value: number | null): string {
  return value === null ? NONE : formatCount(value);
}

function latency(value: number | null): string {
  return value === null ? NONE : formatLatency(value);
}

function bounded(sessions: number, most: number): string {
  return most === 0 ? String(sessions) : `${sessions}/${most}`;
}

/** Those with the lowest `rank` go last when it gets narrow. */
const LISTENERS: readonly Column<ListenerActivity>[] = [
  { title: 'LISTENER', rank: 0, shrinks: true, cell: ({ name }) => name },
  { title: 'LISTENS ON', rank: 8, shrinks: true, cell: ({ listen }) => listen.join(', ') },
  { title: 'POOL', rank: 7, shrinks: true, cell: ({ pool }) => pool },
  { title: 'SESSIONS', rank: 1, right: true, cell: (each) => bounded(each.sessions, each.max_connections) },
  { title: 'NEW/S', rank: 2, right: true, cell: ({ opened }) => rate(opened) },
  { title: 'IN B/S', rank: 5, right: true, cell: (each) => size(each.to_backend_bytes) },
  { title: 'OUT B/S', rank: 4, right: true, cell: (each) => size(each.to_client_bytes) },
  { title: 'P50', rank: 6, right: true, cell: ({ p50 }) => latency(p50) },
  { title: 'P99', rank: 3, right: true, cell: ({ p99 }) => latency(p99) },
  {
    title: 'ERR/S',
    rank: 3,
    right: true,
    cell: ({ errors }) => rate(errors),
    alarm: ({ errors }) => (errors ?? 0) > 0,
  },
];

const BACKENDS: readonly Column<BackendActivity>[] = [
  { title: 'POOL', rank: 8, shrinks: true, cell: ({ pool }) => pool },
  { title: 'BACKEND', rank: 0, shrinks: true, cell: ({ backend }) => backend },
  {
    title: 'STATE',
    rank: 1,
    cell: ({ state }) => (state === 'down' ? 'DOWN' : state),
    colour: ({ state }) => COLOURS[state],
  },
  {
    title: 'FOR',
    rank: 9,
    right: true,
    cell: ({ state, for_seconds: time }) => (state === 'removed' ? '' : formatSeconds(time)),
  },
  { title: 'WEIGHT', rank: 10, right: true, cell: ({ weight }) => String(weight) },
  { title: 'SESSIONS', rank: 2, right: true, cell: (each) => bounded(each.sessions, each.max_connections) },
  { title: 'NEW/S', rank: 3, right: true, cell: ({ opened }) => rate(opened) },
  { title: 'IN B/S', rank: 6, right: true, cell: (each) => size(each.to_backend_bytes) },
  { title: 'OUT B/S', rank: 5, right: true, cell: (each) => size(each.to_client_bytes) },
  { title: 'P50', rank: 7, right: true, cell: ({ p50 }) => latency(p50) },
  { title: 'P99', rank: 4, right: true, cell: ({ p99 }) => latency(p99) },
  {
    title: 'ERR/S',
    rank: 4,
    right: true,
    cell: ({ errors }) => rate(errors),
    alarm: ({ errors }) => (errors ?? 0) > 0,
  },
];

const COLOURS: Readonly<Record<BackendActivity['state'], Painted>> = {
  up: 'green',
  down: 'red',
  drain: 'yellow',
  maintenance: 'magenta',
  removed: 'dim',
};

/** Lines, none wider than asked for, no more than asked for. */
export function renderFrame(input: FrameInput, { width, height, colour }: FrameSize): readonly string[] {
  const { state, activity, note, help } = input;
  const troubles = [
    ...state.reasons,
    ...(state.reload_failures === 0
      ? []
      : [`${state.reload_failures} reloads were refused; the log says why`]),
  ].map((trouble) => paint(cut(`! ${oneLine(trouble)}`, width), 'red', colour));
  const head = [title(state, note, width, colour), ...totals(activity, width), ...troubles];
  const foot = help === '' ? [] : ['', paint(cut(help, width), 'dim', colour)];
  const listeners = layOut(activity.listeners, LISTENERS, width, colour);
  const backends = layOut(sorted(activity.backends, input.sort), BACKENDS, width, colour);
  const whole = [...head, '', ...listeners, '', ...backends];
  if (height === 0) return [...whole, ...foot];
  // Backends are what most come for: listeners have a third of the room at most.
  const room = Math.max(0, height - head.length - foot.length - 2);
  const upper = fit(listeners, Math.max(2, Math.min(listeners.length, Math.floor(room / 3))));
  const lower = fit(backends, Math.max(2, room - upper.length));
  return [
    ...[...head, '', ...upper, '', ...lower].slice(0, Math.max(1, height - foot.length)),
    ...foot,
  ].slice(0, height);
}

function title(
  { version, phase, uptime_seconds: up, generation }: StateView,
  note: string,
  width: number,
  colour: boolean,
): string {
  const left = oneLine(
    `ultrabalancer-l4 ${version}  ${phase}  up ${formatSeconds(up)}  generation ${generation}`,
  );
  const gap = width - left.length - note.length;
  const line = gap < 2 ? cut(left, width) : `${left}${' '.repeat(gap)}${note}`;
  return paint(line, 'bold', colour);
}

/** As many lines as the figures need. */
function totals({ total }: Activity, width: number): string[] {
  const parts = [
    `sessions ${total.sessions}`,
    `new ${rate(total.opened)}/s`,
    `in ${size(total.to_backend_bytes)}B/s`,
    `out ${size(total.to_client_bytes)}B/s`,
    `turns ${rate(total.turns)}/s`,
    `p50 ${latency(total.p50)}`,
    `p99 ${latency(total.p99)}`,
    `errors ${rate(total.errors)}/s`,
  ];
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 3 + part.length <= width)
      lines[lines.length - 1] = `${last}   ${part}`;
    else lines.push(cut(part, width));
  }
  return lines;
}

function fit(lines: readonly string[], room: number): readonly string[] {
  if (lines.length <= room) return lines;
  return [...lines.slice(0, room - 1), `  and ${lines.length - room + 1} more`];
}

/** Highest first; what is not known comes last, and equal ones stay in the order of the config. */
export function sorted(backends: readonly BackendActivity[], by: Sort): readonly BackendActivity[] {
  const key = KEYS[by];
  return key === undefined ? backends : backends.toSorted((a, b) => (key(b) ?? -1) - (key(a) ?? -1));
}

const KEYS: Readonly<Record<Sort, ((each: BackendActivity) => number | null) | undefined>> = {
  config: undefined,
  sessions: ({ sessions }) => sessions,
  new: ({ opened }) => opened,
  bytes: (each) => (each.to_client_bytes ?? 0) + (each.to_backend_bytes ?? 0),
  p99: ({ p99 }) => p99,
  errors: ({ errors }) => errors,
};
