// The dashboard itself: puts its parts on the page, feeds them, and takes them down again. One clock draws all of them,
// so that what stands side by side is of the same moment.

import { activity } from '../api/activity.ts';
import { formatLatency } from '../api/units.ts';
import type { StateView } from '../api/views.ts';
import { createBackends } from './backends.ts';
import { type ChartSpec, createChart, type Window } from './charts.ts';
import type { Client } from './client.ts';
import { notify } from './dialogs.ts';
import { el, need, setText } from './dom.ts';
import { age, bytes, clock, perSecond, rate, text } from './format.ts';
import { createHappenings } from './happenings.ts';
import { createHeat } from './heat.ts';
import { createHistory, lanes, latencyOf } from './history.ts';
import { createListeners } from './listeners.ts';
import { type Live, type Standing, startLive } from './live.ts';
import { createReasons } from './reasons.ts';
import { createSessions } from './sessions.ts';
import type { Theme } from './theme.ts';
import { createTiles, TILE_SAMPLES } from './tiles.ts';
import { createTimeline } from './timeline.ts';
import { createWorkers } from './workers.ts';

export interface BoardParts {
  readonly client: Client;
  readonly theme: Theme;
  readonly onRefused: (message: string) => void;
}

const MINUTES = [2, 5, 10] as const;
const DRAW_MS = 500;
/** Rates of tables are of a few seconds. */
const TABLE_SECONDS = 3;
const WORKER_SAMPLES = 10;

/** Answers what takes it down. */
export function showBoard(place: HTMLElement, { client, theme, onRefused }: BoardParts): () => void {
  const history = createHistory();
  let minutes: number = 5;
  let standing: Standing = { kind: 'connecting' };
  let states: readonly StateView[] = [];

  const tiles = createTiles();
  const bound = history.bounds;
  const charts = specs(bound).map(createChart);
  const heat = createHeat();
  const timeline = createTimeline();
  const reasons = createReasons();
  const workers = createWorkers();
  const listeners = createListeners();
  const told = (message: string, kind: 'done' | 'failed'): void => notify(need('notices'), message, kind);
  const backends = createBackends((pool, backend, verb, said, body) => {
    void client.act(pool, backend, verb, body).then((answer) => {
      told(answer.ok ? said : answer.message, answer.ok ? 'done' : 'failed');
      live.refresh();
    });
  });
  const sessions = createSessions({ client, told });
  const happenings = createHappenings();
  const lost = el('p', { class: 'lost', attrs: { role: 'alert', hidden: '' } });
  place.replaceChildren(
    lost,
    tiles.element,
    choice((chosen) => {
      minutes = chosen;
      draw();
    }, minutes),
    el('div', { class: 'grid' }, ...charts.map(({ element }) => element), heat.element),
    el('div', { class: 'grid' }, timeline.element, reasons.element, workers.element, happenings.element),
    listeners.element,
    backends.element,
    sessions.element,
  );

  function draw(): void {
    // A page in the background draws nothing.
    if (document.visibilityState !== 'visible') return;
    const to = Date.now();
    const from = to - minutes * 60_000;
    const window: Window = { samples: history.since(from), from, to, everyMs: history.everyMs() };
    const isLive = standing.kind === 'live';
    tiles.draw(isLive ? window.samples.slice(-TILE_SAMPLES) : [], history.bounds());
    for (const chart of charts) chart.draw(window);
    heat.draw(window, history.bounds());
    const latest = history.latest();
    const leftOut = latest === undefined ? 0 : (history.rosterOf(latest)?.left_out ?? 0);
    timeline.draw(window, lanes(history, window.samples), leftOut);
    reasons.draw(window);
    workers.draw(window.samples.slice(-WORKER_SAMPLES));
    tellStanding();
  }

  function tellStanding(): void {
    const status = need('status');
    status.dataset['kind'] = standing.kind;
    const last = history.latest();
    const until = last === undefined ? '' : ` Charts show what was known at ${clock(last.at)}.`;
    switch (standing.kind) {
      case 'connecting':
        setText(status, 'connecting');
        break;
      case 'live':
        setText(status, 'live');
        break;
      case 'lost':
        setText(status, 'connection lost');
        setText(
          lost,
          `Connection lost ${age((Date.now() - standing.since) / 1000)} ago: ${standing.why}.${until} It is tried again and again.`,
        );
        break;
      case 'full':
        setText(status, 'too many viewers');
        setText(
          lost,
          `As many are watching as may.${until} This page goes on as soon as one of them leaves.`,
        );
        break;
      default: {
        const unreachable: never = standing;
        throw new TypeError(`no such standing: ${String(unreachable)}`);
      }
    }
    lost.hidden = standing.kind === 'live' || standing.kind === 'connecting';
    place.classList.toggle('stale', !lost.hidden);
  }

  function onState(state: StateView): void {
    if (states.at(-1)?.pid !== state.pid) states = [];
    states = [...states, state].slice(-1 - TABLE_SECONDS);
    const what = activity(states.length > 1 ? states[0] : undefined, state);
    listeners.draw(state, what.listeners);
    backends.draw(state, what.backends);
    setText(
      need('about'),
      `${state.version}, process ${state.pid}, up ${age(state.uptime_seconds)}, generation ${state.generation}`,
    );
    const phase = need('phase');
    setText(phase, state.phase);
    phase.dataset['phase'] = state.ready ? state.phase : 'unready';
    const failures =
      state.reload_failures === 0 ? [] : [`${state.reload_failures} reloads were refused; the log says why`];
    setText(need('troubles'), [...state.reasons, ...failures].join('; '));
  }

  const live: Live = startLive({
    client,
    lastSeq: history.last,
    onSeries(series) {
      // What another process had counted is gone; so that its first samples are not missed, all are asked for.
      if (history.add(series)) live.refresh();
    },
    onState,
    onEvent: happenings.add,
    onStanding(next) {
      standing = next;
      draw();
    },
    onRefused,
  });
  const timer = setInterval(draw, DRAW_MS);
  const restyle = (): void => {
    for (const chart of charts) chart.restyle();
    draw();
  };
  theme.onChange(restyle);
  const resized = new ResizeObserver(restyle);
  resized.observe(place);
  return () => {
    clearInterval(timer);
    resized.disconnect();
    live.stop();
    sessions.stop();
    place.replaceChildren();
  };
}

function specs(bounds: () => readonly number[]): readonly ChartSpec[] {
  const bytesPerSecond = (value: number): string => text(perSecond(bytes(value)));
  const perSecondOf = (value: number): string => text(rate(value));
  return [
    {
      title: 'Throughput',
      format: bytesPerSecond,
      lines: [
        { name: 'to clients', colour: 'line-a', fill: true },
        { name: 'to backends', colour: 'line-b' },
      ],
      questions: () => [(s) => s.to_client_bytes / s.seconds, (s) => s.to_backend_bytes / s.seconds],
    },
    {
      title: 'Turn latency',
      format: formatLatency,
      logarithmic: true,
      lines: [
        { name: 'p50', colour: 'line-a' },
        { name: 'p95', colour: 'line-b' },
        { name: 'p99', colour: 'line-c' },
      ],
      questions: (samples) => [0.5, 0.95, 0.99].map((q) => latencyOf(samples, bounds(), q)),
    },
    {
      title: 'Open sessions',
      format: (value) => text(rate(value)).replace('/s', ''),
      lines: [{ name: 'open', colour: 'line-a', fill: true }],
      questions: () => [(s) => s.sessions],
    },
    {
      title: 'New sessions and failures',
      format: perSecondOf,
      lines: [
        { name: 'new', colour: 'line-a', fill: true },
        { name: 'errors', colour: 'line-c' },
        { name: 'failed connects', colour: 'line-b', dash: [5, 4] },
      ],
      questions: () => [
        (s) => s.accepted / s.seconds,
        (s) => s.errors / s.seconds,
        (s) => s.connect_failures / s.seconds,
      ],
    },
  ];
}

/** How much time charts show. */
function choice(choose: (minutes: number) => void, chosen: number): HTMLElement {
  const options = MINUTES.map((minutes) => {
    const input = el('input', {
      attrs: {
        type: 'radio',
        name: 'minutes',
        value: String(minutes),
        ...(minutes === chosen ? { checked: '' } : {}),
      },
      on: { change: () => choose(minutes) },
    });
    return el('label', {}, input, el('span', { text: `${minutes} min` }));
  });
  const key = el('span', { class: 'hatched', text: 'not measured' });
  return el('fieldset', { class: 'choice' }, el('legend', { text: 'Time shown' }), ...options, key);
}
