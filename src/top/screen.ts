// A terminal as `top` uses it: the alternate screen without a cursor, keys as they are pressed, and everything back as
// it was whatever way the process ends. Writes are whole and at once, so that nothing is left to be written at the end.

import { writeAll } from '../output.ts';

export interface ScreenParts {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream & { readonly fd: number };
  /** One key at a time: a character, or the escape sequence of a special key. */
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

export interface Screen {
  size(): { readonly width: number; readonly height: number };
  draw(lines: readonly string[]): void;
  /** Gives the terminal back; harmless when repeated. */
  leave(): void;
  /** Until the shell lets it go on. */
  suspend(): void;
}

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';

export function openScreen({ input, output, onKey, onResize }: ScreenParts): Screen {
  const isRaw = input.isTTY;
  let on = false;

  function enter(): void {
    if (on) return;
    on = true;
    if (isRaw) input.setRawMode(true);
    writeAll(output.fd, ENTER);
  }

  function give(): void {
    if (!on) return;
    on = false;
    if (isRaw) input.setRawMode(false);
    writeAll(output.fd, LEAVE);
  }

  function onData(text: string): void {
    // Sequences that begin with escape are one key; pasted characters are one each.
    for (const key of text.startsWith('\u001b') ? [text] : text) onKey(key);
  }

  function onContinue(): void {
    enter();
    onResize();
  }

  // Before the stack of what nobody caught is printed, and at an exit by whatever way.
  process.on('uncaughtExceptionMonitor', give);
  process.on('exit', give);
  process.on('SIGCONT', onContinue);
  output.on('resize', onResize);
  if (isRaw) {
    input.setEncoding('utf8');
    input.on('data', onData);
    input.resume();
  }
  enter();
  return {
    // A terminal that does not know its size says 0.
    size: () => ({ width: output.columns || 80, height: output.rows || 24 }),
    draw(lines) {
      if (on) writeAll(output.fd, `\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`);
    },
    leave() {
      give();
      process.off('uncaughtExceptionMonitor', give);
      process.off('exit', give);
      process.off('SIGCONT', onContinue);
      output.off('resize', onResize);
      input.off('data', onData);
      input.pause();
    },
    suspend() {
      give();
      process.kill(process.pid, 'SIGTSTP');
    },
  };
}
