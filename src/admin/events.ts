// Events to whoever watches, as server-sent events. A reader that is too slow misses some and is told how many: nothing
// is kept for it beyond a bound, and nobody waits for it. Who comes back names the last event it has seen and gets
// those since, as far as they are kept.

import type { AdminEvent } from './operations.ts';

/** Where a stream goes: an HTTP response fits. */
export interface EventSink {
  write(text: string): unknown;
  /** Bytes that wait to be sent. */
  readonly writableLength: number;
  end(): unknown;
}

export interface EventStreams {
  /** Whether there are as many as there may be. */
  full(): boolean;
  /** Until the sink's owner calls `leave`. */
  join(sink: EventSink, lastId: number | undefined): { leave(): void };
  /** Ends all of them. */
  close(): void;
}

export interface EventStreamsOptions {
  readonly listen: (listener: (event: AdminEvent) => void) => () => void;
  /** Until the answer is called. Does not keep the process alive. */
  readonly every?: (ms: number, run: () => void) => () => void;
}

export const MOST_STREAMS = 16;
export const MOST_WAITING = 262_144;
/** Events kept for those who come back. */
export const KEPT = 256;
const HEARTBEAT_MS = 15_000;
/** How long a reader waits before it comes back. */
const RETRY_MS = 2000;

interface Stream {
  readonly sink: EventSink;
  missed: number;
}

function systemEvery(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  timer.unref();
  return () => clearInterval(timer);
}

export function createEventStreams({ listen, every = systemEvery }: EventStreamsOptions): EventStreams {
  const streams = new Set<Stream>();
  let kept: { readonly id: number; readonly text: string }[] = [];
  let lastId = 0;

  const stopListening = listen((event) => {
    lastId += 1;
    const text = frame(lastId, event);
    kept = [...kept.slice(1 - KEPT), { id: lastId, text }];
    for (const stream of streams) send(stream, text);
  });
  const stopHeartbeat = every(HEARTBEAT_MS, () => {
    for (const stream of streams) send(stream, ': still here\n\n', false);
  });

  function send(stream: Stream, text: string, counts: boolean = true): void {
    if (stream.sink.writableLength > MOST_WAITING) {
      if (counts) stream.missed += 1;
      return;
    }
    if (stream.missed > 0) {
      stream.sink.write(`event: missed\ndata: ${JSON.stringify({ count: stream.missed })}\n\n`);
      stream.missed = 0;
    }
    stream.sink.write(text);
  }

  return {
    full: () => streams.size >= MOST_STREAMS,
    join(sink, seen) {
      const stream: Stream = { sink, missed: 0 };
      streams.add(stream);
      sink.write(`retry: ${RETRY_MS}\n\n`);
      // An id from before a restart is higher than any: all that is kept is new then.
      const from = seen === undefined ? lastId : seen > lastId ? 0 : seen;
      for (const { id, text } of kept) if (id > from) send(stream, text);
      return { leave: () => void streams.delete(stream) };
    },
    close() {
      stopListening();
      stopHeartbeat();
      for (const { sink } of streams) sink.end();
      streams.clear();
    },
  };
}

/** One event: JSON has no line breaks of its own, and a name that is none of the plain ones is left out. */
function frame(id: number, event: AdminEvent): string {
  const name = /^[\w-]+$/.test(event.event) ? `event: ${event.event}\n` : '';
  const data = JSON.stringify(event, (_key, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
  return `id: ${id}\n${name}data: ${data}\n\n`;
}
