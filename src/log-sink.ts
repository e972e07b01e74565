// Places that log lines go to, each written to in a way that cannot hold the process up. Never through a blocking
// descriptor on this thread, and never through the thread pool where a write may wait for a reader: a thread that is
// stuck in write() would also keep the process from ending. Knows nothing of lines.

import { close, closeSync, constants, fstatSync, openSync, type Stats, write, writeSync } from 'node:fs';

import { STDOUT } from './config/config.ts';

export interface Sink {
  /** One at a time. `done` is called once, perhaps at once; the answer is how many bytes were taken. */
  write(chunk: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  /** After a write that is under way. */
  close(): void;
}

/** A stream that the process was started with. */
interface Standard {
  readonly fd: number;
  readonly stream: () => NodeJS.WriteStream;
}

const STANDARD_ERROR: Standard = { fd: 2, stream: () => process.stderr };
const STANDARD_OUTPUT: Standard = { fd: 1, stream: () => process.stdout };
/** Readable for the owner and its group: lines name clients. */
const FILE_MODE = 0o640;
const FILE_FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;
const REOPEN_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;

/** '' is stderr, and STDOUT is stdout. Throws a Node-shaped error when a file cannot be opened. */
export function openSink(file: string): Sink {
  if (file === '') return openStandard(STANDARD_ERROR);
  if (file === STDOUT) return openStandard(STANDARD_OUTPUT);
  const fd = openSync(file, FILE_FLAGS, FILE_MODE);
  // A named pipe or a terminal in place of a file is written to without waiting, which files do not know.
  return fstatSync(fd).isFile() ? fileSink(fd, true) : nonBlockingSink(fd);
}

function openStandard({ fd, stream }: Standard): Sink {
  const stats = statsOf(fd);
  if (stats?.isFile()) return fileSink(fd, false);
  // Sockets cannot be opened again: with journald it is one.
  if (stats === undefined || stats.isSocket()) return streamSink(stream());
  try {
    // A second opening of the same pipe or terminal has its own flags, so that nobody who shares the first one finds
    // it non-blocking.
    return nonBlockingSink(openSync(`/proc/self/fd/${fd}`, REOPEN_FLAGS));
  } catch (error) {
    // A named pipe without a reader: it is tried again later.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw error;
    // Not ours to open, as after a change of user.
    return streamSink(stream());
  }
}

function statsOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}

/** Pipes and terminals: a write takes what there is room for. */
function nonBlockingSink(fd: number): Sink {
  return {
    write(chunk, done) {
      let written: number;
      try {
        written = writeSync(fd, chunk);
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0);
        return;
      }
      done(null, written);
    },
    close: () => closeSync(fd),
  };
}

/** Files, in the thread pool: a slow disk holds nobody up. */
function fileSink(fd: number, owned: boolean): Sink {
  let busy = false;
  let closing = false;
  const closeNow = (): void => {
    // A failure to close says that earlier writes were lost, and there is nobody left to tell.
    if (owned) close(fd, () => undefined);
  };
  return {
    write(chunk, done) {
      busy = true;
      write(fd, chunk, 0, chunk.length, null, (error, written) => {
        busy = false;
        if (closing) closeNow();
        done(error, written);
      });
    },
    close() {
      closing = true;
      if (!busy) closeNow();
    },
  };
}

/** Node's own stream: it does not block on Linux, but it makes what it writes to non-blocking for all who share it. */
function streamSink(stream: NodeJS.WriteStream): Sink {
  // Failures are told to the callback; without a listener they would end the process as well.
  if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
  return {
    write(chunk, done) {
      stream.write(chunk, (error) => done(error ?? null, error ? 0 : chunk.length));
    },
    close: () => undefined,
  };
}
