// Bytes on disk to text. A config is a regular file of bounded size in UTF-8; whatever else stands in its place is one
// problem at the file's first line, or at the first byte that is no text. Nothing here waits: a named pipe is refused
// before it is opened, since a reload must not hang on it.

import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

import { createSource, fileIssue, type ConfigIssue } from './issue.ts';

/** Bytes; ten thousand backends take less. */
export const LARGEST_FILE: number = 1024 * 1024;

const REPLACEMENT = '\u{FFFD}';
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

export type ReadResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

export function readConfigFile(file: string): ReadResult {
  const bytes = readBytes(file);
  return Buffer.isBuffer(bytes) ? decode(file, bytes) : failed(fileIssue(file, bytes.problem));
}

function readBytes(file: string): Buffer | { readonly problem: string } {
  try {
    if (!statSync(file).isFile()) return { problem: notAFile(file) };
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return fstatSync(fd).isFile() ? readBounded(fd) : { problem: notAFile(file) };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    return { problem: `cannot read this file: ${reason(error)}` };
  }
}

/** Bytes to text, or where they stop being text. */
export function decode(file: string, bytes: Buffer): ReadResult {
  if (bytes.length > LARGEST_FILE) {
    return failed(fileIssue(file, `this file is too large: a config has at most ${LARGEST_FILE / 1024} KiB`));
  }
  const valid = validPrefix(bytes);
  if (valid === bytes.length) return { ok: true, text: bytes.toString('utf8') };
  const before = withoutMark(bytes.toString('utf8', 0, valid));
  // One replacement character stands for the bad byte, so that the line can be shown up to it.
  const source = createSource(file, before + REPLACEMENT);
  const byte = bytes[valid]?.toString(16).padStart(2, '0') ?? '';
  const utf16 = valid === 0 && /^(fffe|feff)/.test(bytes.toString('hex', 0, 2));
  const message = utf16 ? 'this file is UTF-16; a config is UTF-8' : `this is not UTF-8: byte 0x${byte}`;
  return failed(source.issues([{ span: { start: before.length, end: before.length + 1 }, message }]));
}

function readBounded(fd: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total <= LARGEST_FILE) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}

/** How many bytes from the beginning are UTF-8. */
function validPrefix(bytes: Buffer): number {
  if (isUtf8(bytes)) return bytes.length;
  // Decoding puts a replacement character where text ends, and leaves those that the file has itself as they are.
  const text = bytes.toString('utf8');
  let [offset, from] = [0, 0];
  for (let at = text.indexOf(REPLACEMENT); at >= 0; at = text.indexOf(REPLACEMENT, from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    if (!bytes.subarray(offset, offset + 3).equals(REPLACEMENT_BYTES)) return offset;
    offset += 3;
    from = at + 1;
  }
  return offset;
}

/** A byte order mark is no part of a text. */
export function withoutMark(text: string): string {
  return text.startsWith('\u{FEFF}') ? text.slice(1) : text;
}

function notAFile(file: string): string {
  return statSync(file).isDirectory() ? 'this is a directory, not a file' : 'this is not a regular file';
}

function reason(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'it does not exist',
    ENOTDIR: 'a part of its path is not a directory',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ELOOP: 'its symbolic links lead in a circle',
    ENAMETOOLONG: 'its name is too long',
    EISDIR: 'it is a directory',
  };
  return known[code] ?? (code || 'it cannot be opened');
}

function failed(issues: readonly ConfigIssue[]): ReadResult {
  return { ok: false, issues };
}
