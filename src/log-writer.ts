// Takes lines and never blocks, throws or dies, whatever becomes of the place they go to: a pipe that nobody reads, a
// reader that has gone, a full disk, a terminal that was stopped. What cannot be written waits, up to a bound; what is
// beyond the bound is dropped and counted. Knows bytes and lines, not what they say.

import { openSink, type Sink } from './log-sink.ts';

export interface LineWriter {
  /** The line without its newline. False when it was dropped. */
  write(line: string): boolean;
  /**
   * Goes on at another place, which is opened first: when that fails, the old one stays. '' is stderr. Lines that wait
   * go to the new place.
   */
  moveTo(file: string): Moved;
  /** Opens the same place again, so that a file that was moved away is let go. */
  reopen(): Moved;
  /** Resolves when all lines are written, or after so many milliseconds. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** Lines dropped so far. */
  dropped(): number;
  /** Lines that the place has taken so far, without those that tell of dropped ones. */
  written(): number;
  /** Bytes that wait. */
  pending(): number;
  /** Writes what can be written at once and lets go of the file. What still waits then counts as dropped. */
  close(): void;
}

export interface LineWriterOptions {
  /** '' is stderr. */
  readonly file: string;
  /** Bytes that may wait. */
  readonly capacity?: number;
  /** What is written in place of lines that were dropped, when there is room again. */
  readonly tellDropped?: (count: number) => string;
  readonly open?: (file: string) => Sink;
  /** Wait before a place that took nothing is tried again: full, and broken. */
  readonly retryMs?: number;
  readonly brokenRetryMs?: number;
}

const CAPACITY = 1 << 20;
/** One write: what a pipe takes whole once it has been read, and not so much that a part of it matters. */
const MOST_AT_ONCE = 16 * 1024;
const NEWLINE = 10;
const RETRY_MS = 50;
const BROKEN_RETRY_MS = 1000;

/** Full for the moment. All else lasts longer. */
const FULL = new Set(['EAGAIN', 'EWOULDBLOCK', 'EBUSY', 'EINTR']);
/** Full, but the place as such is good. */
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export type Moved = { readonly ok: true } | { readonly ok: false; readonly error: unknown };

/** Throws a Node-shaped error when a file cannot be opened; never for stderr. */
export function createLineWriter(options: LineWriterOptions): LineWriter {
  const {
    capacity = CAPACITY,
    retryMs = RETRY_MS,
    brokenRetryMs = BROKEN_RETRY_MS,
    open = openSink,
  } = options;
  const tellDropped = options.tellDropped ?? ((count) => `${count} lines were dropped`);
  let file = options.file;
  let sink = openAt(file);
  let lines: Buffer[] = [];
  let bytes = 0;
  /** What is being written, and whether a part of it is written already: the rest comes before anything else. */
  let batch: Buffer | undefined;
  let begun = false;
  let linesInBatch = 0;
  /** Lines that tell of dropped ones: nobody wrote them, so they are not counted. */
  const notices = new WeakSet<Buffer>();
  /** A new one begins with each sink: answers of an old sink are no longer heard. */
  let epoch = 0;
  let busy = false;
  let retry: NodeJS.Timeout | undefined;
  let dropped = 0;
  let untold = 0;
  let written = 0;
  let waiting: (() => void)[] = [];

  /** Stderr that cannot be opened now, a named pipe without a reader, is tried again when there is something to write. */
  function openAt(place: string): Sink | undefined {
    try {
      return open(place);
    } catch (error) {
      if (place === '') return undefined;
      throw error;
    }
  }

  function enqueue(chunk: Buffer): void {
    lines.push(chunk);
    bytes += chunk.length;
  }

  function tellOfDropped(): void {
    if (untold === 0) return;
    const count = untold;
    untold = 0;
    const notice = Buffer.from(`${tellDropped(count)}\n`);
    notices.add(notice);
    enqueue(notice);
  }

  function write(line: string): boolean {
    const chunk = Buffer.from(`${line}\n`);
    if (bytes + chunk.length > capacity) {
      dropped += 1;
      untold += 1;
      return false;
    }
    tellOfDropped();
    enqueue(chunk);
    pump();
    return true;
  }

  function nextBatch(): Buffer | undefined {
    if (lines.length === 0) tellOfDropped();
    let size = 0;
    let count = 0;
    for (const line of lines) {
      if (count > 0 && size + line.length > MOST_AT_ONCE) break;
      size += line.length;
      count += 1;
    }
    if (count === 0) return undefined;
    const taken = lines.slice(0, count);
    linesInBatch = countLines(taken);
    lines = lines.slice(count);
    return taken.length === 1 ? taken[0] : Buffer.concat(taken, size);
  }

  function countLines(those: readonly Buffer[]): number {
    return those.reduce((count, line) => (notices.has(line) ? count : count + 1), 0);
  }

  /** Writes until there is nothing left, or the place takes no more for now. */
  function pump(): void {
    while (!busy && retry === undefined) {
      batch ??= nextBatch();
      if (batch === undefined) {
        settle();
        return;
      }
      if (sink === undefined && !openAgain()) return;
      attempt(batch);
    }
  }

  function attempt(chunk: Buffer): void {
    const mine = epoch;
    busy = true;
    let within = true;
    sink?.write(chunk, (error, size) => {
      if (mine !== epoch) return;
      busy = false;
      if (error !== null) failed(error);
      else took(chunk, size);
      if (!within) pump();
    });
    within = false;
  }

  function took(chunk: Buffer, size: number): void {
    bytes -= size;
    begun = size < chunk.length;
    batch = begun ? chunk.subarray(size) : undefined;
    if (!begun) written += linesInBatch;
    // A part that was taken means that the rest has no room now.
    if (begun) later(retryMs);
  }

  function failed(error: NodeJS.ErrnoException): void {
    if (FULL.has(error.code ?? '')) {
      later(retryMs);
      return;
    }
    // A full disk gets better by itself; a reader that has gone may come back, but only to a new opening.
    if (!NO_ROOM.has(error.code ?? '')) {
      sink?.close();
      sink = undefined;
      if (begun) {
        countCutShort();
        giveUpBatch();
      }
    }
    later(brokenRetryMs);
  }

  /** Of the batch a part was taken: whole lines, and perhaps half of one. */
  function countCutShort(): void {
    const left = batch?.filter((byte) => byte === NEWLINE).length ?? 0;
    const lost = Math.min(left, linesInBatch);
    dropped += lost;
    written += linesInBatch - lost;
  }

  /** Half a line means nothing elsewhere. */
  function giveUpBatch(): void {
    bytes -= batch?.length ?? 0;
    batch = undefined;
    begun = false;
  }

  function later(ms: number): void {
    retry = setTimeout(() => {
      retry = undefined;
      pump();
    }, ms);
    retry.unref();
  }

  function openAgain(): boolean {
    try {
      sink = open(file);
      return true;
    } catch {
      later(brokenRetryMs);
      return false;
    }
  }

  function switchTo(wanted: string): Moved {
    let fresh: Sink | undefined;
    try {
      fresh = openAt(wanted);
    } catch (error) {
      return { ok: false, error };
    }
    const old = sink;
    file = wanted;
    sink = fresh;
    // A write that is under way is left to itself: the old sink stays open until it is done.
    if (busy) written += linesInBatch;
    else if (begun) countCutShort();
    if (busy || begun) giveUpBatch();
    epoch += 1;
    busy = false;
    if (retry !== undefined) clearTimeout(retry);
    retry = undefined;
    old?.close();
    pump();
    return { ok: true };
  }

  function settle(): void {
    const done = waiting;
    waiting = [];
    for (const resolve of done) resolve();
  }

  function flush(timeoutMs: number): Promise<void> {
    pump();
    if (bytes === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  return {
    write,
    moveTo: switchTo,
    reopen: () => switchTo(file),
    flush,
    dropped: () => dropped,
    written: () => written,
    pending: () => bytes,
    close() {
      pump();
      epoch += 1;
      if (retry !== undefined) clearTimeout(retry);
      retry = undefined;
      sink?.close();
      sink = undefined;
      dropped += countLines(lines);
      if (busy) written += linesInBatch;
      else if (batch !== undefined) countCutShort();
      lines = [];
      batch = undefined;
      bytes = 0;
      settle();
    },
  };
}
