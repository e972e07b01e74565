// `ultrabalancer-l4 top`: asks the admin interface again and again and shows what has gone on in between: on a terminal
// until it is told to stop, else one frame, or with --json a line per interval. A client like any other; a balancer that
// does not answer for a while is asked again, and the frame says so.

import type { AdminClient } from '../admin/client.ts';
import { type Activity, activity } from '../api/activity.ts';
import type { StateView } from '../api/views.ts';
import { oneLine } from '../errors.ts';
import { renderFrame, type Sort, SORTS } from './frame.ts';
import type { Screen, ScreenParts } from './screen.ts';

export interface TopParts {
  readonly client: Pick<AdminClient, 'get'>;
  readonly intervalMs: number;
  readonly json: boolean;
  /** One answer and no more: a frame, or with `json` a line. */
  readonly once: boolean;
  readonly colour: boolean;
  /** Where no screen is: the width of lines. */
  readonly width: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Absent where there is no terminal. */
  readonly openScreen?: (parts: Pick<ScreenParts, 'onKey' | 'onResize'>) => Screen;
  /** Resolves after so long, or when the signal comes. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

const DONE = 0;
const NOT_DONE = 1;
const HELP = 'q quit   s sort   p pause   r refresh';

type Seen =
  | { readonly ok: true; readonly state: StateView; readonly activity: Activity }
  | { readonly ok: false; readonly message: string };

/** Answers with an exit code. */
export async function runTop(parts: TopParts): Promise<number> {
  const look = createLooks(parts.client);
  const first = await look();
  if (!first.ok) return fail(parts, first.message);
  if (parts.openScreen !== undefined && !parts.once && !parts.json)
    return watchOnScreen(parts, parts.openScreen, look, first);
  return print(parts, look);
}

function fail({ err }: TopParts, message: string): number {
  err(`${message.split('\n').map(oneLine).join('\n')}\n`);
  return NOT_DONE;
}

/** Each look is compared with the one before. */
function createLooks(client: TopParts['client']): () => Promise<Seen> {
  let before: StateView | undefined;
  return async () => {
    const answer = await client.get('/v1/state');
    if (!answer.ok) return { ok: false, message: answer.message };
    const state = answer.body as StateView;
    const seen = { ok: true as const, state, activity: activity(before, state) };
    before = state;
    return seen;
  };
}

async function print(parts: TopParts, look: () => Promise<Seen>): Promise<number> {
  for (;;) {
    await parts.sleep(parts.intervalMs, parts.signal);
    if (parts.signal.aborted) return DONE;
    const seen = await look();
    if (!seen.ok) return fail(parts, seen.message);
    parts.out(parts.json ? jsonLine(seen) : frameText(seen, parts));
    if (parts.once || !parts.json) return DONE;
  }
}

function jsonLine({ state, activity: what }: Seen & { readonly ok: true }): string {
  const { version, phase, ready, generation, uptime_seconds } = state;
  return `${JSON.stringify({ time: Date.now(), version, phase, ready, generation, uptime_seconds, ...what })}\n`;
}

function frameText(
  { state, activity: what }: Seen & { readonly ok: true },
  { width, colour }: TopParts,
): string {
  const input = { state, activity: what, sort: 'config' as const, note: '', help: '' };
  return `${renderFrame(input, { width, height: 0, colour }).join('\n')}\n`;
}

async function watchOnScreen(
  parts: TopParts,
  open: NonNullable<TopParts['openScreen']>,
  look: () => Promise<Seen>,
  first: Seen & { readonly ok: true },
): Promise<number> {
  const quit = new AbortController();
  const stop = AbortSignal.any([parts.signal, quit.signal]);
  let shown = first;
  let lost: string | undefined;
  let paused = false;
  let sort: Sort = 'config';
  let wake = new AbortController();

  function draw(): void {
    const { width, height } = screen.size();
    const time = new Date().toTimeString().slice(0, 8);
    const note = lost !== undefined ? `NO ANSWER: ${lost}` : paused ? 'PAUSED' : time;
    const help = `${HELP}   sorted by ${sort}`;
    const lines = renderFrame(
      { state: shown.state, activity: shown.activity, sort, note: oneLine(note), help },
      { width, height, colour: parts.colour },
    );
    screen.draw(lines);
  }

  const onKey = (key: string): void => {
    switch (key) {
      case 'q':
      case '\u0003':
        return quit.abort();
      case '\u001a':
        return screen.suspend();
      case 's':
        sort = SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? 'config';
        return draw();
      case 'p':
      case ' ':
        paused = !paused;
        return draw();
      case 'r':
        return wake.abort();
      default:
    }
  };
  const screen = open({ onKey, onResize: draw });
  try {
    draw();
    while (!stop.aborted) {
      wake = new AbortController();
      await parts.sleep(parts.intervalMs, AbortSignal.any([stop, wake.signal]));
      if (stop.aborted) break;
      if (paused && !wake.signal.aborted) continue;
      const seen = await look();
      lost = seen.ok ? undefined : seen.message;
      if (seen.ok) shown = seen;
      draw();
    }
  } finally {
    screen.leave();
  }
  return DONE;
}
