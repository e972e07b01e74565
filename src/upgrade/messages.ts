// What the two processes of an upgrade say to one another: one JSON object a message, each with the version of this
// language, checked by the one that gets it. A process of another version is told so and nothing else happens. Within a
// version keys may be added, and are passed over by those who do not know them.

import { z } from 'zod';

export const UPGRADE_VERSION = 1;

export interface Place {
  readonly host: string;
  readonly port: number;
}

export type Override =
  | {
      readonly field: 'weight';
      readonly pool: string;
      readonly backend: string;
      readonly value: number;
      /** What the file said when the change was made. */
      readonly fileValue: number;
    }
  | {
      readonly field: 'hold';
      readonly pool: string;
      readonly backend: string;
      readonly value: 'drain' | 'maintenance';
    };

/** What was learnt or changed at run time, and would be lost otherwise. */
export interface RunState {
  readonly overrides: readonly Override[];
  /** Backends that probes have taken out. */
  readonly down: readonly { readonly pool: string; readonly backend: string }[];
}

/** From the one that takes over. */
export type TakerMessage =
  | { readonly type: 'hello'; readonly pid: number; readonly product: string }
  /** It serves these addresses. */
  | { readonly type: 'ready'; readonly pid: number; readonly serves: readonly Place[] }
  | { readonly type: 'failed'; readonly message: string };

/** From the one that is there. */
export type GiverMessage =
  | { readonly type: 'refused'; readonly message: string }
  /** As many descriptors come along, in this order. `listener`: of the data plane; `page`: metrics or admin. */
  | {
      readonly type: 'sockets';
      readonly sockets: readonly (Place & { readonly use: 'listener' | 'page' })[];
    }
  /** After the last of the sockets. */
  | { readonly type: 'state'; readonly pid: number; readonly product: string; readonly state: RunState }
  /** It accepts nobody any more. */
  | { readonly type: 'leaving' }
  /** It goes on, and the other one must not. */
  | { readonly type: 'abandoned'; readonly message: string };

const hostPort = z.object({ host: z.string().max(64), port: z.int().min(0).max(65_535) });

const stateSchema: z.ZodType<RunState> = z.object({
  overrides: z
    .array(
      z.discriminatedUnion('field', [
        z.object({
          field: z.literal('weight'),
          pool: z.string(),
          backend: z.string(),
          value: z.int().min(0).max(65_535),
          fileValue: z.int().min(0).max(65_535),
        }),
        z.object({
          field: z.literal('hold'),
          pool: z.string(),
          backend: z.string(),
          value: z.enum(['drain', 'maintenance']),
        }),
      ]),
    )
    .max(20_000),
  down: z.array(z.object({ pool: z.string(), backend: z.string() })).max(100_000),
});

const pid = z.int().min(1);
const reason = z.string().max(4000);

const takerSchema: z.ZodType<TakerMessage> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), pid, product: z.string().max(100) }),
  z.object({ type: z.literal('ready'), pid, serves: z.array(hostPort).max(64_000) }),
  z.object({ type: z.literal('failed'), message: reason }),
]);

const giverSchema: z.ZodType<GiverMessage> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('refused'), message: reason }),
  z.object({
    type: z.literal('sockets'),
    sockets: z.array(hostPort.extend({ use: z.enum(['listener', 'page']) })).max(250),
  }),
  z.object({ type: z.literal('state'), pid, product: z.string().max(100), state: stateSchema }),
  z.object({ type: z.literal('leaving') }),
  z.object({ type: z.literal('abandoned'), message: reason }),
]);

export type Read<M> =
  { readonly ok: true; readonly message: M } | { readonly ok: false; readonly problem: string };

export function writeMessage(message: TakerMessage | GiverMessage): Buffer {
  return Buffer.from(JSON.stringify({ version: UPGRADE_VERSION, ...message }));
}

export const readTakerMessage = (bytes: Buffer): Read<TakerMessage> => read(takerSchema, bytes);
export const readGiverMessage = (bytes: Buffer): Read<GiverMessage> => read(giverSchema, bytes);

function read<M>(schema: z.ZodType<M>, bytes: Buffer): Read<M> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { ok: false, problem: 'what the other process says is no JSON' };
  }
  const version = z.object({ version: z.int() }).safeParse(value);
  if (!version.success) return { ok: false, problem: 'what the other process says has no version' };
  if (version.data.version !== UPGRADE_VERSION) {
    return {
      ok: false,
      problem: `the other process speaks version ${version.data.version} of the hand-over, this one ${UPGRADE_VERSION}: stop it and start anew`,
    };
  }
  const message = schema.safeParse(value);
  if (message.success) return { ok: true, message: message.data };
  const [issue] = message.error.issues;
  return {
    ok: false,
    problem: `what the other process says makes no sense: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  };
}
