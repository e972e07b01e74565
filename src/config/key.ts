// How the schema is put together: keys (a kind, a default, a sentence) in sections (named groups of keys). From one
// tree of them come the zod schema that checks a file, the defaults, the JSON Schema and the reference page. Knows no
// key of the product: those stand in schema-*.ts.

import { z } from 'zod';

import type { Kind } from './kinds.ts';

/**
 * What a change of a key reaches on reload. `live`: sessions that are open as well; `new`: sessions opened from then
 * on; `process`: no session, but what runs beside them (probes, logs, metrics, threads).
 */
export type Reach = 'live' | 'new' | 'process';

export interface Key<T> {
  readonly is: 'key';
  readonly kind: Kind<T>;
  /** As one would write it; undefined for a key that has to be there. */
  readonly preset: unknown;
  readonly reach: Reach;
  /** One or two sentences: what it does, in which unit where the kind does not say, what 0 means. */
  readonly about: string;
}

export interface Section<T> {
  readonly is: 'section';
  readonly about: string;
  readonly keys: Keys<T>;
}

/** A part for every property of T, of the very type: what the compiler holds the schema to. */
export type Keys<T> = { readonly [K in keyof T]-?: Part<T[K]> };
type Part<T> = Key<T> | (T extends readonly unknown[] | string | number | boolean ? never : Section<T>);

/** Any of them, where the type does not matter. */
export type AnyPart = Key<unknown> | AnySection;
export interface AnySection {
  readonly is: 'section';
  readonly about: string;
  readonly keys: Readonly<Record<string, AnyPart>>;
}

export function key<T>(kind: Kind<T>, preset: unknown, reach: Reach, about: string): Key<T> {
  return { is: 'key', kind, preset, reach, about };
}

export function section<T>(about: string, keys: Keys<T>): Section<T> {
  return { is: 'section', about, keys };
}

/** The sections as generic code sees them; safe because nothing is ever written through it. */
export function anySection(part: { readonly is: 'section' }): AnySection {
  return part as AnySection;
}

/** What a key is when nobody sets it, in the form that a config has. */
export function presetOf<T>(part: Key<T>): T {
  return part.kind.schema.parse(part.preset);
}

/** The zod schema of a section as it stands in a file: every key may be left out but those without a preset. */
export function sectionSchema(part: AnySection): z.ZodType {
  return z.strictObject(shapeOf(part.keys), { error: 'expected a map of settings' }).describe(part.about);
}

export function shapeOf(keys: Readonly<Record<string, AnyPart>>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(keys).map(([name, part]) => [name, partSchema(part)]));
}

function partSchema(part: AnyPart): z.ZodType {
  if (part.is === 'section') return sectionSchema(part).optional();
  if (part.preset === undefined) return part.kind.schema.meta({ description: part.about });
  const described = part.kind.schema.meta({ description: part.about });
  return described.meta({ ...described.meta(), default: part.preset }).optional();
}
