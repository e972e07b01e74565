// The kinds of value that a config has: each a zod schema for what may be written, the words that say what is
// expected, and how to print a value so that it reads back. Knows no key. Every check of a kind answers with the same
// phrase, so that people are told what is right and not which of our steps noticed.

import { z } from 'zod';

import { formatDuration, DURATION_PATTERN, parseDuration } from './duration.ts';
import { formatSize, parseSize, SIZE_PATTERN } from './size.ts';

export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** For the reference page: `time`, `size`, `number`, … */
  readonly type: string;
  /** For the reference page; empty where the type says it all. */
  readonly range: string;
  /** As YAML on one line, reading back to the same value. */
  print(value: T): string;
}

export function integer(least: number, most: number, type = 'number'): Kind<number> {
  const error = `expected a whole number from ${least} to ${most}`;
  return {
    schema: z.int({ error }).min(least, { error }).max(most, { error }),
    type,
    range: `${least} to ${most}`,
    print: String,
  };
}

/** A share in percent, with decimals. */
export function percent(): Kind<number> {
  const [least, most] = [0.0001, 100];
  const error = `expected a percentage from ${least} to ${most}`;
  return {
    schema: z.number({ error }).min(least, { error }).max(most, { error }),
    type: 'percent',
    range: `${least} to ${most}`,
    print: String,
  };
}

export function port(): Kind<number> {
  return integer(1, 65535, 'port');
}

export function flag(): Kind<boolean> {
  return {
    schema: z.boolean({ error: 'expected true or false' }),
    type: 'true or false',
    range: '',
    print: String,
  };
}

/** One of some words. YAML 1.2 has no booleans but true and false, so `on` and `off` are words like others. */
export function word<const W extends string>(words: readonly W[]): Kind<W> {
  return {
    schema: z.enum(words, { error: `expected ${oneOf(words)}` }),
    type: 'word',
    range: words.map((w) => `\`${w}\``).join(', '),
    print: (value) => value,
  };
}

/** `auto`, or a number: how many. */
export function autoOr(least: number, most: number): Kind<'auto' | number> {
  return numberOr(['auto'], least, most);
}

/** A number, or a word that says it better. */
export function numberOr<const W extends string>(
  words: readonly W[],
  least: number,
  most: number,
): Kind<W | number> {
  const error = `expected ${words.join(', ')} or a whole number from ${least} to ${most}`;
  const number = z.int({ error }).min(least, { error }).max(most, { error });
  return {
    schema: z.union([z.enum(words, { error }), number], { error }),
    type: 'number or word',
    range: `${words.map((w) => `\`${w}\``).join(', ')}, ${least} to ${most}`,
    print: String,
  };
}

/** Words, or a list of different numbers. */
export function wordOrNumbers<const W extends string>(
  words: readonly W[],
  most: number,
): Kind<W | readonly number[]> {
  const error = `expected ${words.join(', ')} or a list of different numbers from 0 to ${most}`;
  const list = z
    .array(z.int({ error }).min(0, { error }).max(most, { error }), { error })
    .min(1, { error })
    .max(most + 1, { error })
    .refine((numbers) => new Set(numbers).size === numbers.length, { error });
  return {
    schema: z.union([z.enum(words, { error }), list], { error }),
    type: 'word or list',
    range: `${words.map((w) => `\`${w}\``).join(', ')}, or CPU numbers from 0 to ${most}`,
    print: (value) => (typeof value === 'string' ? value : `[${value.join(', ')}]`),
  };
}

interface TimeRange {
  /** Milliseconds; what is allowed apart from 0 where `off` is. */
  readonly least: number;
  readonly most: number;
  /** Whether 0 is allowed besides. */
  readonly off: boolean;
}

/** Milliseconds once read. */
export function time(range: TimeRange): Kind<number> {
  const span = `${formatDuration(range.least)} to ${formatDuration(range.most)}`;
  const zero = range.off ? ', or 0' : '';
  const error = `expected a time from ${span}${zero}: seconds as a number, or with a unit such as 250ms, 5s, 1m, 2h`;
  const written = z.union(
    [
      z.number({ error }).min(0, { error }),
      z.string({ error }).regex(new RegExp(DURATION_PATTERN), { error }),
    ],
    {
      error,
    },
  );
  const schema = written.transform((value, context) => {
    const ms = parseDuration(value);
    if (ms !== undefined && ((range.off && ms === 0) || (ms >= range.least && ms <= range.most))) return ms;
    context.addIssue(error);
    return z.NEVER;
  });
  return { schema, type: 'time', range: `${range.off ? '0, ' : ''}${span}`, print: formatDuration };
}

/** Bytes once read. */
export function size(least: number, most: number, off = false): Kind<number> {
  const span = `${formatSize(least)} to ${formatSize(most)}`;
  const error = `expected a size from ${span}${off ? ', or 0' : ''}: bytes as a number, or with a unit such as 64KiB, 1MiB`;
  const written = z.union(
    [z.int({ error }).min(0, { error }), z.string({ error }).regex(new RegExp(SIZE_PATTERN), { error })],
    { error },
  );
  const schema = written.transform((value, context) => {
    const bytes = parseSize(value);
    if (bytes !== undefined && ((off && bytes === 0) || (bytes >= least && bytes <= most))) return bytes;
    context.addIssue(error);
    return z.NEVER;
  });
  return { schema, type: 'size', range: `${off ? '0, ' : ''}${span}`, print: String };
}

/** Text of a form that the phrase describes ("a path that begins with /"). */
export function text(form: RegExp, phrase: string, range: string): Kind<string> {
  const error = `expected ${phrase}`;
  return { schema: z.string({ error }).regex(form, { error }), type: 'text', range, print: printText };
}

/** Text that `problem` has no objection to; the objection is told. */
export function judgedText(
  problem: (value: string) => string | undefined,
  phrase: string,
  range: string,
): Kind<string> {
  const error = `expected ${phrase}`;
  const schema = z.string({ error }).superRefine((value, context) => {
    const objection = problem(value);
    if (objection !== undefined) context.addIssue(`${error}: ${objection}`);
  });
  return { schema, type: 'text', range, print: printText };
}

export function words(most: number): Kind<readonly string[]> {
  const error = `expected a list of a program and its arguments, at most ${most}, as text`;
  const item = z.string({ error }).regex(/^[^\0]{1,4096}$/s, { error });
  return {
    schema: z.array(item, { error }).max(most, { error }),
    type: 'list of text',
    range: `at most ${most}`,
    print: (value) => `[${value.map((item) => JSON.stringify(item)).join(', ')}]`,
  };
}

type Ranges = readonly (readonly [from: number, to: number])[];

/** HTTP status codes: one, a range, or a list of those. */
export function statusRanges(): Kind<Ranges> {
  const error =
    'expected status codes from 100 to 599: one such as 200, a range such as "200-399", or a list of those';
  const code = z.int({ error }).min(100, { error }).max(599, { error });
  const range = z.string({ error }).regex(/^[1-5]\d\d(-[1-5]\d\d)?$/, { error });
  const item = z.union([code, range], { error });
  const written = z.union([item, z.array(item, { error }).min(1, { error }).max(64, { error })], { error });
  const schema = written.transform((value, context) => {
    const ranges = (Array.isArray(value) ? value : [value]).map((each): readonly [number, number] => {
      const [from = NaN, to = from] = String(each).split('-').map(Number);
      return [from, to];
    });
    if (ranges.every(([from, to]) => from <= to)) return ranges;
    context.addIssue(error);
    return z.NEVER;
  });
  const one = ([from, to]: readonly [number, number]): string =>
    from === to ? String(from) : `${from}-${to}`;
  return {
    schema,
    type: 'status codes',
    range: '100 to 599',
    print: (value) => (value.length === 1 && value[0] ? one(value[0]) : `[${value.map(one).join(', ')}]`),
  };
}

const PLAIN = /^[A-Za-z0-9_/](?:[\w./:-]*[\w./-])?$/;
/** What YAML reads as something else than text. */
const NOT_TEXT = /^(true|false|null|\d+|0[ox][\da-f]+|\d+\.?\d*(e[-+]?\d+)?)$/i;

/** Without quotes where YAML surely reads it as the same text. */
export function printText(value: string): string {
  return PLAIN.test(value) && !NOT_TEXT.test(value) ? value : JSON.stringify(value);
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1 ? String(choices[0]) : `one of ${choices.join(', ')}`;
}

/** A user or a group, by its name or its number; '' is none. */
export function account(expected: string): Kind<string> {
  const error = `expected ${expected}`;
  const schema = z.string({ error }).regex(/^([A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}\$?)?$/, { error });
  return {
    schema: z
      .union([schema, z.int({ error }).min(0, { error }).max(0xffff_fffe, { error })], { error })
      .transform(String),
    type: 'text or number',
    range: 'a name or a number',
    print: printText,
  };
}
