// Tells when what a file says has changed, however it was changed: written in place, replaced by an editor, swapped
// by way of symbolic links (as Kubernetes does with ConfigMaps), removed and put back. Watches the folders that the name
// leads through, since the file itself may be another one tomorrow, and looks now and then where no word comes from the
// kernel. Compares content, so that a touched file is no change. Does not know what is done about it.

import { createHash } from 'node:crypto';
import { type FSWatcher, lstatSync, readlinkSync, statSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { readConfigFile } from '../config/file.ts';

export interface WatchOptions {
  /** Quiet time after the last sign of a change before the file is read. Milliseconds, 100 unless told. */
  readonly settleMs?: number;
  /** How often it is looked at without any sign: network file systems give none. Milliseconds, 2000 unless told. */
  readonly lookEveryMs?: number;
}

export interface FileWatch {
  /** No call follows. Harmless when repeated. */
  close(): void;
}

const SETTLE_MS = 100;
const LOOK_EVERY_MS = 2000;
/** Signs that never end (somebody writes to the folder all the time) delay the reading by no more than this. */
const MOST_SETTLE_MS = 1000;
/** As many links as the kernel follows. */
const MOST_LINKS = 40;

/**
 * Calls `onChange` when the content differs from what it was last, beginning with now. Never while the file is missing:
 * it may come back, and only then is it known whether anything changed. Does not keep the process alive.
 */
export function watchFile(path: string, onChange: () => void, options: WatchOptions = {}): FileWatch {
  const { settleMs = SETTLE_MS, lookEveryMs = LOOK_EVERY_MS } = options;
  const file = resolve(path);
  const folders = new Map<string, FSWatcher>();
  let known = fingerprint(file);
  let stamp = stampOf(file);
  let settling: NodeJS.Timeout | undefined;
  let signsSince = 0;
  let closed = false;

  function sign(): void {
    if (closed) return;
    const now = performance.now();
    if (settling === undefined) signsSince = now;
    clearTimeout(settling);
    const wait = Math.max(0, Math.min(settleMs, signsSince + Math.max(settleMs, MOST_SETTLE_MS) - now));
    settling = setTimeout(look, wait).unref();
  }

  function look(): void {
    settling = undefined;
    followFolders();
    stamp = stampOf(file);
    const content = fingerprint(file);
    if (content === undefined || content === known) return;
    known = content;
    onChange();
  }

  /** The links may lead elsewhere than before, and a folder that was missing may be there. */
  function followFolders(): void {
    const wanted = foldersOf(file);
    for (const [folder, watcher] of folders) {
      if (wanted.has(folder)) continue;
      watcher.close();
      folders.delete(folder);
    }
    for (const folder of wanted) if (!folders.has(folder)) follow(folder);
  }

  function follow(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, sign);
      // A folder that goes away, or no more watches to be had: looking now and then has to do.
      watcher.on('error', () => {
        watcher.close();
        if (folders.get(folder) === watcher) folders.delete(folder);
        sign();
      });
      folders.set(folder, watcher);
    } catch {
      // Not there, or not ours to watch: the same.
    }
  }

  followFolders();
  const looking = setInterval(() => {
    // A folder that was renamed and made anew is another one, which the old watch knows nothing of.
    if (stampOf(file) !== stamp) {
      for (const watcher of folders.values()) watcher.close();
      folders.clear();
      sign();
    }
  }, lookEveryMs).unref();

  return {
    close() {
      closed = true;
      clearTimeout(settling);
      clearInterval(looking);
      for (const watcher of folders.values()) watcher.close();
      folders.clear();
    },
  };
}

/** Of what the file says, or of why it cannot be read; undefined while there is none. */
function fingerprint(file: string): string | undefined {
  const read = readConfigFile(file);
  if (!read.ok && stampOf(file) === '') return undefined;
  const text = read.ok
    ? `text ${read.text}`
    : `problem ${read.issues.map((issue) => issue.message).join('\n')}`;
  return createHash('sha256').update(text).digest('base64');
}

/** Differs when the name leads to another file or the file was written to; '' where there is none. */
function stampOf(file: string): string {
  try {
    const found = statSync(file, { throwIfNoEntry: false, bigint: true });
    return found === undefined ? '' : `${found.dev} ${found.ino} ${found.mtimeNs} ${found.size}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** Every folder in which a change may make the name mean another file: of the name, of its links, of what they name. */
function foldersOf(file: string): Set<string> {
  const folders = new Set<string>([dirname(file)]);
  let links = 0;
  let rest = file.split('/').slice(1);
  let at = '/';
  while (rest.length > 0 && links <= MOST_LINKS) {
    const [name = '', ...after] = rest;
    const here = resolve(at, name);
    const target = linkTarget(here);
    if (target !== undefined) {
      links += 1;
      folders.add(dirname(here));
      rest = [...resolve(dirname(here), target).split('/').slice(1), ...after];
      at = '/';
      continue;
    }
    at = here;
    rest = after;
  }
  folders.add(dirname(at));
  return folders;
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
