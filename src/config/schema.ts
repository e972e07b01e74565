// THE schema: what may stand in a config file, in either form, as one zod schema put together from the sections.
// It says what each value may be on its own; what one key asks of another is in rules.ts, what the flat form means in
// flat.ts. Types come from config.ts, and the compiler holds every section to them.

import { z } from 'zod';

import type { HostPort } from './config.ts';
import { parseListen } from './address.ts';
import { anySection, sectionSchema, shapeOf, type AnyPart, type AnySection } from './key.ts';
import { backendSection } from './schema-pool.ts';
import { listenerSection } from './schema-listener.ts';
import { poolSection } from './schema-pool.ts';
import { processSection } from './schema-process.ts';

/** More than these is a mistake, or wants another product; every table here and in the data plane stays small. */
export const MOST_LISTENERS = 1000;
export const MOST_POOLS = 1000;
export const MOST_BACKENDS = 10_000;
const MOST_ADDRESSES = 64;

/** What a section is once it has been read: only what the file says, already in the units of a config. */
export type Written = Readonly<Record<string, unknown>>;

export interface WrittenListener extends Written {
  readonly listen: readonly HostPort[];
  readonly pool: string;
}

export interface WrittenPool extends Written {
  readonly backends: readonly Written[];
}

/** A file that is right key by key. Which form it has, and whether that form is complete, is not known yet. */
export interface WrittenFile extends Written {
  readonly listen?: readonly HostPort[];
  readonly backends?: readonly Written[];
  readonly listeners?: ReadonlyMap<string, WrittenListener>;
  readonly pools?: ReadonlyMap<string, WrittenPool>;
}

export const ABOUT_LISTEN =
  'Where clients connect to: an address and a port, a port alone for every address of both families, or a list of those. Names are not taken, but `localhost` (127.0.0.1) and `*` (every address).';
export const ABOUT_POOL = 'Name of the pool that serves this listener.';
export const ABOUT_BACKENDS = 'The backends, a list of maps.';
export const ABOUT_LISTENERS = 'Full form: the listeners by name.';
export const ABOUT_POOLS = 'Full form: the pools by name.';

const EXPECT_LISTEN = 'expected a port, an address and a port such as 127.0.0.1:8080, or a list of those';
export const listenSchema: z.ZodType<readonly HostPort[]> = z
  .preprocess(
    (value) => (Array.isArray(value) ? (value as unknown[]) : [value]),
    z
      .array(
        z.unknown().transform((value, context): HostPort => {
          const parsed = parseListen(value);
          if (parsed.ok) return parsed.value;
          context.addIssue(parsed.problem);
          return z.NEVER;
        }),
      )
      .min(1, { error: EXPECT_LISTEN })
      .max(MOST_ADDRESSES, { error: `expected at most ${MOST_ADDRESSES} addresses` }),
  )
  .meta({ description: ABOUT_LISTEN, ...listenJsonSchema() });

const EXPECT_NAME = 'expected a name of 1 to 200 characters, without control characters';
/** What is invisible or moves the cursor has no place in log lines and metrics. */
const nameSchema = z
  .string({ error: EXPECT_NAME })
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u, { error: EXPECT_NAME });

const backendsSchema = z
  .array(sectionSchema(anySection(backendSection)), {
    error: 'expected a list of backends, each { host: …, port: … }',
  })
  .min(1, { error: 'expected at least one backend' })
  .max(MOST_BACKENDS, { error: `expected at most ${MOST_BACKENDS} backends` })
  .describe(ABOUT_BACKENDS);

const listenerSchema = z
  .strictObject(
    {
      listen: listenSchema,
      pool: z.string({ error: 'expected the name of a pool' }).describe(ABOUT_POOL),
      ...shapeOf(anySection(listenerSection).keys),
    },
    { error: 'expected a map with listen and pool' },
  )
  .describe('A listener. What it leaves out it takes from the top level.');

const poolSchema = z
  .strictObject(
    { backends: backendsSchema, ...shapeOf(anySection(poolSection).keys) },
    { error: 'expected a map with backends' },
  )
  .describe('A pool. What it leaves out it takes from the top level.');

/** Every key that may stand at the top level beside `listen`, `backends`, `listeners` and `pools`. */
export const topLevelKeys: Readonly<Record<string, AnyPart>> = {
  ...anySection(processSection).keys,
  ...anySection(poolSection).keys,
  ...anySection(listenerSection).keys, // after the pool's: connection_settings has all keys of both here
};

/** The kinds of thing that a config is made of, for generic code. */
export const sections: {
  readonly process: AnySection;
  readonly listener: AnySection;
  readonly pool: AnySection;
  readonly backend: AnySection;
} = {
  process: anySection(processSection),
  listener: anySection(listenerSection),
  pool: anySection(poolSection),
  backend: anySection(backendSection),
};

/** Maps of names are Maps: a name may be `__proto__`. */
export const fileSchema: z.ZodType = z
  .strictObject(
    {
      listen: listenSchema.optional(),
      backends: backendsSchema.optional(),
      listeners: z
        .map(nameSchema, listenerSchema, { error: 'expected a map of listeners by name' })
        .min(1, { error: 'expected at least one listener' })
        .max(MOST_LISTENERS, { error: `expected at most ${MOST_LISTENERS} listeners` })
        .describe(ABOUT_LISTENERS)
        .optional(),
      pools: z
        .map(nameSchema, poolSchema, { error: 'expected a map of pools by name' })
        .min(1, { error: 'expected at least one pool' })
        .max(MOST_POOLS, { error: `expected at most ${MOST_POOLS} pools` })
        .describe(ABOUT_POOLS)
        .optional(),
      ...shapeOf(topLevelKeys),
    },
    { error: 'expected a config: a map with listen and backends, or with listeners and pools' },
  )
  .describe('A config of ultrabalancer-l4, in flat form (listen, backends) or full form (listeners, pools).');

function listenJsonSchema(): Record<string, unknown> {
  const one = [
    { type: 'integer', minimum: 1, maximum: 65535 },
    { type: 'string', pattern: '^(.+:)?[0-9]{1,5}$' },
  ];
  return { anyOf: [...one, { type: 'array', minItems: 1, maxItems: MOST_ADDRESSES, items: { anyOf: one } }] };
}
