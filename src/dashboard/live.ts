// Keeps what is shown up to date: a stream of events, which is this page's place among the viewers there may be, and
// two questions a second apart while the page can be seen. Says how it stands: live, lost since when, or refused.

import type { AdminEvent, SeriesView, StateView } from '../api/views.ts';
import type { Client } from './client.ts';

export type Standing =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** Nobody answers; asked again and again. */
  | { readonly kind: 'lost'; readonly since: number; readonly why: string }
  /** As many are watching as may. */
  | { readonly kind: 'full' };

export interface LiveParts {
  readonly client: Client;
  readonly lastSeq: () => number;
  readonly onSeries: (series: SeriesView) => void;
  readonly onState: (state: StateView) => void;
  readonly onEvent: (event: AdminEvent) => void;
  readonly onStanding: (standing: Standing) => void;
  /** The token is not, or no longer, the right one. */
  readonly onRefused: (message: string) => void;
}

export interface Live {
  /** Asks at once, after something was done. */
  refresh(): void;
  stop(): void;
}

const EVERY_MS = 1000;
/** After nobody answered; the stream is what tells. */
const AGAIN_MS = 2000;

export function startLive(parts: LiveParts): Live {
  const { client } = parts;
  let stopped = false;
  let standing: Standing = { kind: 'connecting' };
  let stream: AbortController | undefined;
  let timer: number | undefined;
  let asking = false;

  function stand(next: Standing): void {
    if (next.kind === 'lost' && standing.kind === 'lost') return;
    standing = next;
    parts.onStanding(next);
  }

  /** Whether to go on. */
  function failed(status: number, message: string): void {
    if (status === 401 || status === 403) {
      stop();
      parts.onRefused(message);
    } else if (status === 503) stand({ kind: 'full' });
    else stand({ kind: 'lost', since: Date.now(), why: message });
  }

  async function ask(): Promise<void> {
    if (asking || stopped) return;
    asking = true;
    const [series, state] = await Promise.all([client.series(parts.lastSeq()), client.state()]);
    asking = false;
    if (stopped || stream === undefined) return;
    if (!series.ok) {
      failed(series.status, series.message);
      return;
    }
    if (!state.ok) {
      failed(state.status, state.message);
      return;
    }
    stand({ kind: 'live' });
    parts.onSeries(series.body);
    parts.onState(state.body);
  }

  function poll(): void {
    clearInterval(timer);
    timer = setInterval(() => void ask(), EVERY_MS);
    void ask();
  }

  /** Watches for as long as it can; what comes after is the caller's. */
  async function watch(): Promise<void> {
    const mine = new AbortController();
    stream = mine;
    const ended = await client.watch(parts.onEvent, poll, mine.signal);
    if (stopped || mine.signal.aborted) return;
    stream = undefined;
    clearInterval(timer);
    failed(ended.ok ? 0 : ended.status, ended.ok ? 'it has closed the connection' : ended.message);
    if (!stopped) timer = setTimeout(() => void watch(), AGAIN_MS);
  }

  function leave(): void {
    stream?.abort();
    stream = undefined;
    clearTimeout(timer);
  }

  /** A page that nobody sees gives its place away; samples are kept for it meanwhile. */
  function onVisibility(): void {
    if (stopped) return;
    leave();
    if (document.visibilityState === 'visible') void watch();
  }

  function stop(): void {
    stopped = true;
    document.removeEventListener('visibilitychange', onVisibility);
    leave();
  }

  document.addEventListener('visibilitychange', onVisibility);
  parts.onStanding(standing);
  onVisibility();
  return { refresh: () => void ask(), stop };
}
