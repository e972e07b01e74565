// What is sent and answered, as schemas: requests are held to them, the OpenAPI document is made of them, and the
// compiler holds them to the types of operations.ts. Strict: what is not known is refused, not ignored.

import { z } from 'zod';

import { hostProblem } from '../config/address.ts';
import type { LogLevel } from '../config/config.ts';
import { MOST_DRAIN_RATE } from '../config/schema-process.ts';
import type {
  BackendView,
  DrainOptions,
  DrainView,
  LeavingView,
  ListenerView,
  NewBackend,
  PoolView,
  SampleView,
  SeriesView,
  SessionFilter,
  SessionList,
  SessionView,
  StateView,
  WorkerView,
} from './operations.ts';

export const MOST_WEIGHT = 65_535;
export const MOST_LISTED = 10_000;
const MOST_NAME = 512;
const MOST_CONNECTIONS = 10_000_000;

const count: z.ZodType<number> = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const seconds: z.ZodType<number> = z.number().min(0);
const counts = z.record(z.string(), count);
const weight = z.int().min(0).max(MOST_WEIGHT);
const name = z.string().max(MOST_NAME);

const buckets = z
  .array(count)
  .describe('How long turns took: counts between the bounds that are told beside, the last one beyond them.');

export const logLevelSchema: z.ZodType<LogLevel> = z.enum(['debug', 'info', 'warn', 'error']);

const drainSchema: z.ZodType<DrainView> = z.strictObject({
  since_seconds: seconds,
  sessions_at_start: count,
  ends_in_seconds: seconds.nullable().describe('Null where there is no deadline.'),
  rate: z.union([z.literal('even'), count]),
  order: z.enum(['idle', 'oldest']),
  done: z.boolean().describe('Nobody is left.'),
});

const leavingSchema: z.ZodType<LeavingView> = z.strictObject({
  stage: z.enum(['delay', 'draining']).describe('delay: new sessions are still accepted.'),
  since_seconds: seconds,
  sessions_at_start: count,
  sessions: count,
  ends_in_seconds: seconds.nullable(),
});

export const listenerSchema: z.ZodType<ListenerView> = z.strictObject({
  name: z.string(),
  listen: z.array(z.string()),
  pool: z.string(),
  max_connections: count.describe('0 is no limit.'),
  sessions: count.describe('Open now.'),
  accepted: count,
  closed: counts.describe('By close reason; those that are 0 are left out.'),
  to_backend_bytes: count,
  to_client_bytes: count,
  spliced_bytes: count,
  turns: count,
  turn_buckets: buckets,
  errors: count.describe('Of `closed`, those that were errors.'),
  accept_pauses: count,
  hold: z.enum(['drain']).nullable().describe('Null when it accepts.'),
  drain: drainSchema.nullable(),
});

export const backendSchema: z.ZodType<BackendView> = z.strictObject({
  backend: z.string().describe('`host:port` as configured.'),
  configured: z.boolean().describe('False for one that was removed and still has sessions.'),
  up: z.boolean(),
  code: z.string().describe('How the last probe ended.'),
  detail: z.string(),
  for_seconds: seconds.describe('How long it has been up or down.'),
  hold: z.enum(['drain', 'maintenance']).nullable().describe('Null when it is not held back.'),
  drain: drainSchema.nullable().describe('Null when nothing is drained there.'),
  weight: weight.describe('In force.'),
  configured_weight: weight,
  backup: z.boolean(),
  max_connections: count.describe('0 is no limit.'),
  sessions: count.describe('Open now.'),
  sessions_opened: count,
  connect_failures: counts.describe('By reason; those that are 0 are left out.'),
  retries: count,
  to_backend_bytes: count,
  to_client_bytes: count,
  turn_buckets: buckets,
  mean_turn_seconds: seconds.nullable().describe('Since the start; null before the first.'),
  mean_connect_seconds: seconds.nullable(),
});

const poolSchema: z.ZodType<PoolView> = z.strictObject({
  name: z.string(),
  algorithm: z.string(),
  backends: z.array(backendSchema),
});

const workerSchema: z.ZodType<WorkerView> = z.strictObject({
  worker: count,
  sessions: count,
  accepted: count,
  loops: count,
  events: count,
  pipes_open: count,
  buffer_bytes: count,
});

export const stateSchema: z.ZodType<StateView> = z.strictObject({
  version: z.string(),
  pid: count,
  uptime_seconds: seconds,
  clock_seconds: seconds.describe('When counters were read, by a clock that is never set: for rates.'),
  phase: z.string(),
  ready: z.boolean(),
  reasons: z.array(z.string()).describe('Why it is not ready, or what is wrong though it is.'),
  leaving: leavingSchema.nullable().describe('Null while it does not leave.'),
  generation: count,
  reload_failures: count,
  log_level: logLevelSchema,
  turn_bounds_seconds: z.array(seconds),
  listeners: z.array(listenerSchema),
  pools: z.array(poolSchema),
  workers: z.array(workerSchema),
});

const sampleSchema: z.ZodType<SampleView> = z.strictObject({
  seq: count.describe('Goes up by one.'),
  at: count.describe('Milliseconds since 1970.'),
  seconds: seconds.describe('Since the sample before; counts are of that time.'),
  sessions: count.describe('Open now.'),
  accepted: count,
  to_backend_bytes: count,
  to_client_bytes: count,
  closed: counts.describe('By close reason; those that are 0 are left out.'),
  errors: count.describe('Of `closed`, those that were errors.'),
  connect_failures: count,
  turn_buckets: buckets.describe('Zeros at the end are left out.'),
  roster: count.describe('Whom `states` is about.'),
  states: z.string().describe('A letter per backend of the roster: u up, d down, r draining, m maintenance.'),
  worker_sessions: z.array(count),
  worker_accepted: z.array(count),
});

export const seriesSchema: z.ZodType<SeriesView> = z.strictObject({
  run: z.string().describe('Another one means another process: sequence numbers begin anew.'),
  every_seconds: seconds,
  kept_seconds: seconds.describe('How far back samples are kept.'),
  turn_bounds_seconds: z.array(seconds),
  rosters: z.array(
    z.strictObject({
      id: count,
      backends: z.array(z.strictObject({ pool: z.string(), backend: z.string() })),
      left_out: count.describe('Backends beyond the bound.'),
    }),
  ),
  samples: z.array(sampleSchema),
});

export const seriesQuerySchema: z.ZodType<{ readonly after: number }> = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('A `seq`.'),
});

const sessionSchema: z.ZodType<SessionView> = z.strictObject({
  id: z.string(),
  client: z.string(),
  listener: z.string(),
  pool: z.string().describe('Empty while there is none.'),
  backend: z.string(),
  worker: count,
  age_seconds: seconds,
  idle_seconds: seconds,
  to_backend_bytes: count,
  to_client_bytes: count,
  turns: count,
});

export const sessionListSchema: z.ZodType<SessionList> = z.strictObject({
  sessions: z.array(sessionSchema),
  truncated: z.boolean().describe('Whether there may be more.'),
});

export interface SessionQuery extends SessionFilter {
  readonly limit: number;
}

export const sessionQuerySchema: z.ZodType<SessionQuery> = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MOST_LISTED).default(100),
  listener: name.optional(),
  pool: name.optional(),
  backend: name.optional(),
  client: name.optional().describe('Its address.'),
});

export const sessionParamsSchema: z.ZodType<{ readonly id: string }> = z.strictObject({
  id: z.string().max(64),
});
export const poolParamsSchema: z.ZodType<{ readonly pool: string }> = z.strictObject({ pool: name });
export const listenerParamsSchema: z.ZodType<{ readonly listener: string }> = z.strictObject({
  listener: name,
});
export const backendParamsSchema: z.ZodType<{ readonly pool: string; readonly backend: string }> =
  z.strictObject({
    pool: name,
    backend: name.describe('`host:port` as configured.'),
  });

export const weightBodySchema: z.ZodType<{ readonly weight: number }> = z.strictObject({
  weight: weight.describe('0 takes no new sessions.'),
});
export const levelBodySchema: z.ZodType<{ readonly level: LogLevel }> = z.strictObject({
  level: logLevelSchema,
});
/** Verbs without a parameter take nothing, or an empty object. */
export const emptyBodySchema: z.ZodType<object | null | undefined> = z.strictObject({}).nullish();

const DAY_SECONDS = 86_400;

/** Nothing, or an empty object, lets open sessions finish. */
export const drainBodySchema: z.ZodType<DrainOptions | null | undefined> = z
  .strictObject({
    timeout: z.number().min(0).max(DAY_SECONDS).default(0).describe('Seconds; 0 is no limit.'),
    rate: z
      .union([z.literal('even'), z.int().min(0).max(MOST_DRAIN_RATE)])
      .default(0)
      .describe('Sessions ended per second before that; even spreads them over the time; 0 ends none.'),
    order: z.enum(['idle', 'oldest']).default('idle'),
    idle: z
      .number()
      .min(0.001)
      .max(DAY_SECONDS)
      .default(1)
      .describe('Seconds of silence that make an idle moment.'),
  })
  .refine(({ rate, timeout }) => rate !== 'even' || timeout > 0, {
    error: 'even spreads sessions over the timeout: name one',
    path: ['rate'],
  })
  .nullish();

/** The same as in a config, defaults included. */
export const newBackendSchema: z.ZodType<NewBackend> = z.strictObject({
  host: z
    .string()
    .max(MOST_NAME)
    .superRefine((host, context) => {
      const problem = hostProblem(host);
      if (problem !== undefined) context.addIssue(problem);
    })
    .describe('A name or an address without brackets.'),
  port: z.int().min(1).max(65_535),
  weight: weight.default(1),
  max_connections: z.int().min(0).max(MOST_CONNECTIONS).default(0).describe('0 is no limit.'),
  backup: z.boolean().default(false),
});

export const errorSchema: z.ZodType<{ readonly error: string }> = z.strictObject({ error: z.string() });
export const doneSchema: z.ZodType<{ readonly done: true }> = z.strictObject({ done: z.literal(true) });
export const reloadedSchema: z.ZodType<{ readonly done: true; readonly generation: number }> = z.strictObject(
  {
    done: z.literal(true),
    generation: count,
  },
);
