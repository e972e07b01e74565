// What ctl prints: the answers of the admin interface as tables for people. Pure text from views.

import { stateOf } from '../api/states.ts';
import { formatCount, formatSeconds } from '../api/units.ts';
import { oneLine } from '../errors.ts';
import type {
  BackendView,
  DrainView,
  LeavingView,
  ListenerView,
  SessionList,
  SessionView,
  StateView,
} from './operations.ts';
import { type Column, formatTable } from './table.ts';

const LISTENERS: readonly Column<ListenerView>[] = [
  { title: 'LISTENER', cell: ({ name }) => name },
  { title: 'LISTENS ON', cell: ({ listen }) => listen.join(', ') },
  { title: 'POOL', cell: ({ pool }) => pool },
  { title: 'STATE', cell: ({ hold, drain }) => (hold === null ? 'open' : drainOf(hold, drain)) },
  {
    title: 'SESSIONS',
    right: true,
    cell: ({ sessions, max_connections: most }) => `${sessions}${most === 0 ? '' : `/${most}`}`,
  },
  { title: 'ACCEPTED', right: true, cell: ({ accepted }) => formatCount(accepted) },
  { title: 'TURNS', right: true, cell: ({ turns }) => formatCount(turns) },
  { title: 'IN', right: true, cell: ({ to_backend_bytes: bytes }) => formatCount(bytes) },
  { title: 'OUT', right: true, cell: ({ to_client_bytes: bytes }) => formatCount(bytes) },
];

interface BackendRow extends BackendView {
  readonly pool: string;
}

const BACKENDS: readonly Column<BackendRow>[] = [
  { title: 'POOL', cell: ({ pool }) => pool },
  { title: 'BACKEND', cell: ({ backend }) => backend },
  { title: 'STATE', cell: wordOf },
  {
    title: 'FOR',
    right: true,
    cell: ({ configured, for_seconds: time }) => (configured ? formatSeconds(time) : ''),
  },
  { title: 'CHECK', cell: ({ code }) => code },
  { title: 'WEIGHT', right: true, cell: weightOf },
  {
    title: 'SESSIONS',
    right: true,
    cell: ({ sessions, max_connections: most }) => `${sessions}${most === 0 ? '' : `/${most}`}`,
  },
  { title: 'OPENED', right: true, cell: ({ sessions_opened: opened }) => formatCount(opened) },
  { title: 'FAILED', right: true, cell: ({ connect_failures: failures }) => formatCount(total(failures)) },
  {
    title: 'TURN',
    right: true,
    cell: ({ mean_turn_seconds: mean }) => (mean === null ? '-' : formatSeconds(mean)),
  },
  { title: 'DETAIL', cell: ({ detail }) => detail },
];

const SESSIONS: readonly Column<SessionView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'CLIENT', cell: ({ client }) => client },
  { title: 'LISTENER', cell: ({ listener }) => listener },
  { title: 'BACKEND', cell: ({ backend }) => (backend === '' ? '-' : backend) },
  { title: 'AGE', right: true, cell: ({ age_seconds: age }) => formatSeconds(age) },
  { title: 'IDLE', right: true, cell: ({ idle_seconds: idle }) => formatSeconds(idle) },
  { title: 'TURNS', right: true, cell: ({ turns }) => formatCount(turns) },
  { title: 'IN', right: true, cell: ({ to_backend_bytes: bytes }) => formatCount(bytes) },
  { title: 'OUT', right: true, cell: ({ to_client_bytes: bytes }) => formatCount(bytes) },
];

function wordOf(view: BackendView): string {
  const word = stateOf(view);
  if (word === 'down') return 'DOWN';
  return word === 'drain' || word === 'removed' ? drainOf(word, view.drain) : word;
}

/** `drain 25s`: for so long at most; `drain`: for as long as it takes, or nobody is left. */
function drainOf(word: string, drain: DrainView | null): string {
  if (drain === null || drain.ends_in_seconds === null || drain.done) return word;
  return `${word} ${formatSeconds(drain.ends_in_seconds)}`;
}

function leavingLine({
  stage,
  sessions,
  sessions_at_start: first,
  ends_in_seconds: ends,
}: LeavingView): string {
  const until = ends === null ? '' : `, ${formatSeconds(ends)} to go`;
  return stage === 'delay'
    ? `! it is leaving, and accepts for now: ${sessions} sessions${until}\n`
    : `! it drains: ${sessions} of ${first} sessions are left${until}\n`;
}

function weightOf({ weight, configured_weight: configured, backup }: BackendView): string {
  return `${weight}${weight === configured ? '' : ` (${configured})`}${backup ? ' backup' : ''}`;
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

export function printState(state: StateView): string {
  const head = `ultrabalancer-l4 ${state.version}, process ${state.pid}, up ${formatSeconds(state.uptime_seconds)}, ${state.phase}, generation ${state.generation}`;
  const troubles = state.reasons.map((reason) => `! ${oneLine(reason)}\n`).join('');
  const failures =
    state.reload_failures === 0 ? '' : `! ${state.reload_failures} reloads were refused; the log says why\n`;
  const leaving = state.leaving === null ? '' : leavingLine(state.leaving);
  return `${oneLine(head)}\n${leaving}${troubles}${failures}\n${formatTable(state.listeners, LISTENERS)}\n${printBackends(state)}`;
}

export function printBackends(state: StateView): string {
  const rows = state.pools.flatMap(({ name, backends }) =>
    backends.map((backend) => ({ pool: name, ...backend })),
  );
  return formatTable(rows, BACKENDS);
}

export function printSessions({ sessions, truncated }: SessionList): string {
  return `${formatTable(sessions, SESSIONS)}${truncated ? 'and more; --limit shows them\n' : ''}`;
}
