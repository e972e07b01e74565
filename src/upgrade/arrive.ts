// The beginning of a process that takes over: finds the one that is there, by a descriptor that it was started with or by
// the socket in the config, and gets what that one has. Where nobody is to be taken over from, nothing happens.

import { connect, type Server } from 'node:net';

import type { ProcessCalls } from '../engine/binding.ts';
import { describeError } from '../errors.ts';
import { descriptorOf } from '../listen.ts';
import { TAKE_OVER_VARIABLE } from './successor.ts';
import { type Heritage, sayFailed, sayReady, take, type TakeParts, type Verdict } from './take.ts';
import { now, pause } from './upgrades.ts';
import { createWire } from './wire.ts';

export interface Heir {
  readonly heritage: Heritage;
  /** Of a process that serves these addresses. */
  ready(serves: readonly { readonly host: string; readonly port: number }[]): Promise<Verdict>;
  failed(message: string): Promise<void>;
}

/** `heir` is undefined where this process begins by itself. */
export type Arrival =
  { readonly ok: true; readonly heir: Heir | undefined } | { readonly ok: false; readonly message: string };

export interface ArriveParts {
  readonly calls: ProcessCalls;
  readonly env: NodeJS.ProcessEnv;
  /** By hand: from whoever listens at `socket`. */
  readonly asked: boolean;
  readonly socket: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly product: string;
}

export async function arrive(parts: ArriveParts): Promise<Arrival> {
  const { calls, env, asked, socket: path, product } = parts;
  const given = env[TAKE_OVER_VARIABLE];
  Reflect.deleteProperty(env, TAKE_OVER_VARIABLE);
  if (given === undefined && !asked) return { ok: true, heir: undefined };
  let socket: number;
  try {
    // A duplicate is closed at exec, as the one that was handed down was not.
    socket = given === undefined ? await reach(path, calls) : calls.duplicate(Number(given));
    if (given !== undefined) calls.close(Number(given));
  } catch (error) {
    return {
      ok: false,
      message: `there is nobody to take over from: ${describeError(error)}`,
    };
  }
  const wire = createWire({ calls, socket, now, pause });
  const talk: TakeParts = { wire, calls, product, now, deadline: now() + parts.timeout };
  const taken = await take(talk);
  if (!taken.ok) {
    wire.close();
    return { ok: false, message: `nothing can be taken over: ${taken.message}` };
  }
  return {
    ok: true,
    heir: {
      heritage: taken.heritage,
      async ready(serves) {
        const verdict = await sayReady(talk, serves);
        wire.close();
        return verdict;
      },
      async failed(message) {
        await sayFailed(talk, message);
        wire.close();
      },
    },
  };
}

/** A descriptor that is connected to the process that listens there. */
function reach(path: string, calls: ProcessCalls): Promise<number> {
  if (path === '') return Promise.reject(new Error('upgrade.socket in the config says where it is'));
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.pause(); // what comes is read by its descriptor
    socket.once('error', reject);
    socket.once('connect', () => {
      try {
        const descriptor = calls.duplicate(descriptorOf(socket as unknown as Server) ?? -1);
        const { user, pid } = calls.peer(descriptor);
        const self = process.geteuid?.();
        if (self !== 0 && user !== 0 && user !== self) {
          calls.close(descriptor);
          throw new Error(`process ${pid} at ${path} is of user ${user}`);
        }
        resolve(descriptor);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
      socket.destroy();
    });
  });
}
