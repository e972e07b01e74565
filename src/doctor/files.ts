// Small files of /proc and /sys as numbers and words, below a root that need not be `/`. Whatever cannot be read or is
// not what was expected is undefined: a host that is odd is a thing to report, not to stumble over.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Readers below one root. Paths begin with `/`. */
export interface Files {
  text(path: string): string | undefined;
  /** One whole number, the first word of the file. */
  number(path: string): number | undefined;
  numbers(path: string): readonly number[] | undefined;
  words(path: string): readonly string[] | undefined;
  /** "0-2,5"; an empty file is an empty list. */
  list(path: string): readonly number[] | undefined;
  /** "1,00000003", a set of CPUs in hexadecimal. */
  mask(path: string): readonly number[] | undefined;
  /** Names in a folder; none where there is no folder. */
  names(path: string): readonly string[];
  /** Where a symbolic link points. */
  link(path: string): string | undefined;
  /** `/proc/sys` names that were asked for and could not be read. */
  readonly unread: string[];
  /** A kernel setting by its dotted name; remembered as unread when it is not to be had. */
  sysctl(name: string): string | undefined;
}

/** More than any list of CPUs or ports can have: a damaged file must not fill memory. */
const LONGEST_LIST = 70_000;

export function parseList(text: string): readonly number[] | undefined {
  const numbers = new Set<number>();
  for (const part of text.trim().split(',')) {
    if (part === '') continue;
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    if (match === null) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (to - from + numbers.size > LONGEST_LIST) return undefined;
    for (let n = from; n <= to; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Ascending numbers as "0-2,5", the way the kernel writes them. */
export function formatList(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length;) {
    let end = i;
    while (end + 1 < numbers.length && numbers[end + 1] === (numbers[end] ?? 0) + 1) end++;
    parts.push(end === i ? `${numbers[i]}` : `${numbers[i]}-${numbers[end]}`);
    i = end + 1;
  }
  return parts.join(',');
}

export function parseMask(text: string): readonly number[] | undefined {
  const digits = text.trim().replaceAll(',', '');
  if (!/^[0-9a-f]{1,2048}$/i.test(digits)) return undefined;
  const bits = BigInt(`0x${digits}`);
  const cpus: number[] = [];
  for (let cpu = 0; cpu < digits.length * 4; cpu++) if (((bits >> BigInt(cpu)) & 1n) === 1n) cpus.push(cpu);
  return cpus;
}

/** CPUs as a mask in the kernel's own form, groups of 32 bits. */
export function formatMask(cpus: readonly number[]): string {
  const digits = cpus.reduce((bits, cpu) => bits | (1n << BigInt(cpu)), 0n).toString(16);
  const padded = digits.length > 8 ? digits.padStart(Math.ceil(digits.length / 8) * 8, '0') : digits;
  return (padded.match(/.{1,8}/g) ?? ['0']).join(',').replace(/^0+(?=[0-9a-f])/, '');
}

function toNumber(word: string | undefined): number | undefined {
  return word !== undefined && /^-?\d+$/.test(word) ? Number(word) : undefined;
}

export function createFiles(root: string): Files {
  const unread: string[] = [];
  // Not path.join: `device/..` must be followed through the link that `device` is.
  const at = (path: string): string => root + path;

  function text(path: string): string | undefined {
    try {
      return readFileSync(at(path), 'utf8');
    } catch {
      return undefined;
    }
  }
  const words = (path: string): readonly string[] | undefined =>
    text(path)?.trim().split(/\s+/).filter(Boolean);
  const perhaps = <T>(content: string | undefined, parse: (text: string) => T): T | undefined =>
    content === undefined ? undefined : parse(content);

  return {
    text,
    words,
    unread,
    number: (path) => toNumber(words(path)?.[0]),
    numbers(path) {
      const all = words(path)?.map(toNumber);
      return all === undefined || all.includes(undefined) ? undefined : (all as number[]);
    },
    list: (path) => perhaps(text(path), parseList),
    mask: (path) => perhaps(text(path), parseMask),
    names(path) {
      try {
        return readdirSync(at(path)).sort();
      } catch {
        return [];
      }
    },
    link(path) {
      try {
        return readlinkSync(at(path));
      } catch {
        return undefined;
      }
    },
    sysctl(name) {
      const content = text(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim();
      if (content === undefined) unread.push(name);
      return content;
    },
  };
}
