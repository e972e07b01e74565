// The access log of a process: records of ended sessions, as lines, to a writer that never blocks. Follows the config: a
// file that a new one names is opened beside the old one, and a config whose file cannot be opened is refused. What the
// writer has no room for is dropped and counted there, what is not taken in time by the data plane.

import type { AccessLogSettings, Config } from '../config/config.ts';
import type { EndedSession, Engine, Recording } from '../engine/engine.ts';
import { describeError } from '../errors.ts';
import { createLineWriter, type LineWriter, type LineWriterOptions } from '../log-writer.ts';
import type { Opened } from '../opened.ts';
import { type CollectorTime, createCollector } from './collector.ts';
import { droppedLine, lineOf } from './format.ts';
import { type Names, sessionRecord } from './record.ts';
import { recordingOf } from './settings.ts';

export interface AccessLogParts {
  /** Asked only once there is something to take. */
  readonly engine: () => Pick<Engine, 'takeEnded'>;
  readonly names: () => Names;
  readonly log: { info(message: string, fields?: object): void; error(message: string): void };
  readonly time?: CollectorTime;
  readonly createWriter?: (options: LineWriterOptions) => LineWriter;
}

export interface AccessLogCounts {
  readonly written: number;
  /** For want of room in the writer. */
  readonly dropped: number;
}

export interface AccessLog {
  /** What the data plane is to record under this config. */
  wanted(config: Config): Recording | undefined;
  /** Opens what this config wants; keep() makes it the one that is written to. Rejects when the file cannot be opened. */
  open(config: Config): Promise<Opened>;
  /** Takes all records that there are. */
  collect(): void;
  /** Opens the file again, after it was moved away. */
  reopen(): void;
  counts(): AccessLogCounts;
  /** Takes and writes what there still is, and lets go of the file. Resolves soon, whatever the file does. */
  close(): Promise<void>;
}

/** A file, as it is written to now. */
interface Place {
  readonly settings: AccessLogSettings;
  readonly writer: LineWriter;
}

const FLUSH_MS = 300;
/** Bytes that wait: as many again fit before lines are dropped. */
const BEHIND = 512 * 1024;

export function createAccessLog(parts: AccessLogParts): AccessLog {
  const { log, createWriter = createLineWriter } = parts;
  let place: Place | undefined;
  /** Opened for a config that is being tried: sessions may end under it before it is known to be kept. */
  let candidate: Place | undefined;
  /** Places that were given up: those that are still written to, and what the others counted. */
  const leaving = new Set<LineWriter>();
  const past = { written: 0, dropped: 0 };
  const collector = createCollector({
    take: (limit) => parts.engine().takeEnded(limit),
    deliver,
    isBehind: () => (place?.writer.pending() ?? 0) > BEHIND,
    ...(parts.time === undefined ? {} : { time: parts.time }),
  });

  function deliver(sessions: readonly EndedSession[]): void {
    const to = place ?? candidate;
    if (to === undefined) return;
    const names = parts.names();
    const line = lineOf(to.settings.format);
    for (const session of sessions) to.writer.write(line(sessionRecord(session, names)));
  }

  function openPlace(settings: AccessLogSettings): Place {
    const tellDropped = (count: number): string => droppedLine(settings.format, count, new Date());
    try {
      return { settings, writer: createWriter({ file: settings.file, tellDropped }) };
    } catch (error) {
      throw new Error(`the access log cannot be opened: ${describeError(error)}`, { cause: error });
    }
  }

  async function giveUp({ writer }: Place): Promise<void> {
    leaving.add(writer);
    await writer.flush(FLUSH_MS);
    writer.close();
    leaving.delete(writer);
    past.written += writer.written();
    past.dropped += writer.dropped();
  }

  function counted(what: 'written' | 'dropped'): number {
    const writers = place === undefined ? [...leaving] : [...leaving, place.writer];
    return writers.reduce((sum, writer) => sum + writer[what](), past[what]);
  }

  function swap(next: Place | undefined): void {
    // What ended under the old config is the old file's.
    if (place !== undefined) collector.collect();
    const old = place;
    place = next;
    candidate = undefined;
    if (next === undefined) collector.stop();
    else collector.start();
    if (old !== undefined && old.writer !== next?.writer) void giveUp(old);
  }

  /** Throws when the file cannot be opened. */
  function openFor(access: AccessLogSettings): Opened {
    const now = place;
    const same = now?.settings.file === access.file && now.settings.format === access.format;
    let next: Place | undefined;
    if (access.file !== '') next = same ? { writer: now.writer, settings: access } : openPlace(access);
    candidate = next;
    return {
      keep: () => swap(next),
      discard() {
        candidate = undefined;
        if (next !== undefined && next.writer !== place?.writer) next.writer.close();
        return Promise.resolve();
      },
    };
  }

  return {
    wanted: ({ log: { access } }) => (access.file === '' ? undefined : recordingOf(access)),
    open: ({ log: { access } }) => Promise.resolve(access).then(openFor),
    collect: () => collector.collect(),
    reopen() {
      if (place === undefined) return;
      const again = place.writer.reopen();
      if (again.ok) log.info('the access log was opened again', { event: 'access-log-reopened' });
      else log.error(`the access log goes on in the old file: ${describeError(again.error)}`);
    },
    counts: () => ({ written: counted('written'), dropped: counted('dropped') }),
    async close() {
      collector.stop();
      if (place === undefined) return;
      collector.collect();
      const last = place;
      place = undefined;
      await giveUp(last);
    },
  };
}
