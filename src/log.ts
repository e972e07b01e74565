// The log: pino's records, as JSON for machines or as one line each for people, handed to a writer that never blocks.
// Whoever wants to know what is told can listen. Assumes that messages may hold anything a peer sent; knows nothing of
// who tells what.

import { isatty } from 'node:tty';

import { pino } from 'pino';

import type { LogLevel, LogSettings } from './config/config.ts';
import { describeError, oneLine } from './errors.ts';
import { createLimiter, type Limiter, type LimiterClock } from './log-limit.ts';
import { createLineWriter, type LineWriter, type LineWriterOptions } from './log-writer.ts';

/** One thing that was told. */
export interface LogRecord {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: object;
}

export interface LogMethods {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** What others ask of a log; the logger of a program that embeds a balancer can be made to fit as well. */
export interface Log extends Omit<LogMethods, 'debug'> {
  /** Several lines for people, as they are; one record where lines are JSON. */
  banner(text: string): void;
  /** Opens the file again, after it was moved away. */
  reopen(): void;
  /** Resolves when all is written, or soon. */
  flush(): Promise<void>;
  /** Lines that had no room, since the start. Absent where that cannot be. */
  dropped?(): number;
}

/** The log of a process of our own. */
export interface ProcessLog extends Log, LogMethods {
  /** An error that the process ends with: on stderr as well where lines go to a file. */
  fatal(message: string, fields?: object): void;
  /** At most one line per period (a second unless told) for all that is told under this key; those between are counted. */
  limited(key: string, perMs?: number): LogMethods;
  /** Takes other settings, or, when the file cannot be opened, leaves everything as it was and says why. */
  use(settings: LogSettings): { readonly ok: true } | { readonly ok: false; readonly message: string };
  level(): LogLevel;
  /** Until `use` says otherwise. */
  setLevel(level: LogLevel): void;
  /** Why lines go to stderr though a file was asked for; undefined when all is well. */
  problem(): string | undefined;
  /** Calls back for every record that is logged; the answer ends that. */
  listen(listener: (record: LogRecord) => void): () => void;
  dropped(): number;
}

export interface LogOptions {
  readonly clock?: LimiterClock;
  /** Milliseconds since 1970. */
  readonly wallClock?: () => number;
  readonly createWriter?: (options: LineWriterOptions) => LineWriter;
  readonly isTerminal?: () => boolean;
}

const LIMIT_MS = 1000;
const FLUSH_MS = 300;
const MOST_CHARACTERS = 8192;
/** Besides what JSON escapes anyway: terminals obey these too, and some readers take them for ends of lines. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\u2028\u2029]/g;

/** Never fails: where the file cannot be opened, lines go to stderr, that being the first of them. */
export function createLog(settings: LogSettings, options: LogOptions = {}): ProcessLog {
  const { wallClock = Date.now, createWriter = createLineWriter, isTerminal = () => isatty(2) } = options;
  const limiter: Limiter = createLimiter(options.clock);
  const listeners = new Set<(record: LogRecord) => void>();
  let problem: string | undefined;
  let current = settings;
  let asText = isText(settings);

  const opened = openWriter();
  const writer = opened.writer;
  /** For last words, where `writer` is a file. */
  let stderr: LineWriter | undefined;

  const destination = {
    // Pino then leaves what it is about to write here as well, before it became JSON.
    [pino.symbols.needsMetadataGsym]: true,
    lastLevel: 0,
    lastMsg: '',
    lastObj: {} as object,
    write(line: string): void {
      const record = {
        time: wallClock(),
        level: levelOf(destination.lastLevel),
        message: destination.lastMsg,
        fields: destination.lastObj,
      };
      writer.write(asText ? textLine(record, isTerminalNow()) : jsonLine(line));
      for (const listener of listeners) listener(record);
    },
  };
  const logger = pino(
    {
      level: settings.level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${new Date(wallClock()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // Stacks are for debuggers; people get one line.
      serializers: { err: (error: unknown) => describeError(error) },
    },
    destination,
  );

  function isTerminalNow(): boolean {
    return current.file === '' && isTerminal();
  }

  function isText({ format, file }: LogSettings): boolean {
    switch (format) {
      case 'text':
        return true;
      case 'json':
        return false;
      case 'auto':
        return file === '' && isTerminal();
      default: {
        const unreachable: never = format;
        throw new TypeError(`no such format: ${String(unreachable)}`);
      }
    }
  }

  function openWriter(): { readonly writer: LineWriter } {
    try {
      return { writer: createWriter({ file: settings.file, tellDropped }) };
    } catch (error) {
      problem = `no log file: ${describeError(error)}`;
      current = { ...settings, file: '' };
      asText = isText(current);
      return { writer: createWriter({ file: '', tellDropped }) };
    }
  }

  function tellDropped(count: number): string {
    const record: LogRecord = {
      time: wallClock(),
      level: 'warn',
      message: `${count} log lines were dropped here: nobody took them in time`,
      fields: {},
    };
    const time = new Date(record.time).toISOString();
    return asText
      ? textLine(record, isTerminalNow())
      : JSON.stringify({
          level: record.level,
          time,
          pid: process.pid,
          event: 'log-dropped',
          count,
          msg: record.message,
        });
  }

  function log(level: LogLevel, message: string, fields: object = {}): void {
    logger[level](
      fields,
      message.length > MOST_CHARACTERS ? `${message.slice(0, MOST_CHARACTERS)}…` : message,
    );
  }

  function methods(tell: (level: LogLevel, message: string, fields?: object) => void): LogMethods {
    return {
      debug: (message, fields) => tell('debug', message, fields),
      info: (message, fields) => tell('info', message, fields),
      warn: (message, fields) => tell('warn', message, fields),
      error: (message, fields) => tell('error', message, fields),
    };
  }

  function limited(key: string, perMs: number = LIMIT_MS): LogMethods {
    return methods((level, message, fields) => {
      if (!logger.isLevelEnabled(level)) return;
      limiter.offer(key, perMs, (suppressed) => {
        if (suppressed === 0) log(level, message, fields);
        else log(level, `${message} (and ${suppressed} more like it)`, { ...fields, suppressed });
      });
    });
  }

  const self = methods(log);
  if (problem !== undefined) self.error(problem);

  return {
    ...self,
    fatal(message, fields) {
      log('error', message, fields);
      if (current.file === '') return;
      stderr ??= createWriter({ file: '' });
      stderr.write(`ultrabalancer-l4: ${oneLine(message)}`);
    },
    limited,
    banner(text) {
      if (!logger.isLevelEnabled('info')) return;
      const lines = text.split('\n');
      if (asText) for (const line of lines) writer.write(oneLine(line));
      else self.info(lines.map((line) => line.trim()).join('; '), { event: 'serving' });
    },
    use(wanted) {
      if (wanted.file !== current.file) {
        const moved = writer.moveTo(wanted.file);
        if (!moved.ok) return { ok: false, message: `no log file: ${describeError(moved.error)}` };
      }
      problem = undefined;
      current = wanted;
      asText = isText(wanted);
      logger.level = wanted.level;
      return { ok: true };
    },
    level: () => levelOf(logger.levelVal),
    setLevel: (level) => void (logger.level = level),
    problem: () => problem,
    reopen() {
      const again = writer.reopen();
      if (again.ok) self.info('the log was opened again', { event: 'log-reopened' });
      else self.error(`the log goes on in the old file: ${describeError(again.error)}`);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dropped: () => writer.dropped(),
    async flush() {
      limiter.flush();
      await Promise.all([writer.flush(FLUSH_MS), stderr?.flush(FLUSH_MS)]);
    },
  };
}

function levelOf(value: number): LogLevel {
  if (value >= 50) return 'error';
  if (value >= 40) return 'warn';
  return value >= 30 ? 'info' : 'debug';
}

function jsonLine(line: string): string {
  return line
    .trimEnd()
    .replace(UNSAFE_IN_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The clock's time is enough for somebody who watches; a file is read on another day and elsewhere. */
function textLine({ time, level, message }: LogRecord, watched: boolean): string {
  const date = new Date(time);
  const when = watched
    ? [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':')
    : date.toISOString();
  return `${when} ${level.padEnd(5)} ${oneLine(joined(message))}`;
}

/** Several lines as one for people: what a colon announces follows it, all else is set apart. */
function joined(message: string): string {
  if (!message.includes('\n')) return message;
  let text = '';
  for (const line of message.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    text += text === '' ? line : `${text.endsWith(':') ? ' ' : '; '}${line}`;
  }
  return text;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
