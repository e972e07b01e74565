// The process that is there: gives its listening sockets and what it has learnt to another one and waits until that one
// serves. Until it says so nothing has changed here, so giving up at any moment is nothing but not going on. Knows no
// balancer: what there is to give is asked for, what follows from it is done by the caller.

import type { ProcessCalls } from '../engine/binding.ts';
import {
  type GiverMessage,
  readTakerMessage,
  type RunState,
  type TakerMessage,
  writeMessage,
} from './messages.ts';
import type { Wire } from './wire.ts';

export interface Socket {
  readonly host: string;
  readonly port: number;
  /** The giver's to close once it has gone. */
  readonly fd: number;
}

export interface GiveParts {
  readonly wire: Wire;
  readonly calls: Pick<ProcessCalls, 'close'>;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Duplicates of the data plane's; undefined while one of them is about to be closed. */
  readonly listeners: () => readonly Socket[] | undefined;
  /** Duplicates of those that metrics and the admin interface are served on. */
  readonly pages: () => readonly Socket[];
  readonly state: () => RunState;
  readonly product: string;
  /** Of `now`. */
  readonly deadline: number;
}

export type Given =
  | {
      readonly ok: true;
      readonly pid: number;
      readonly serves: readonly { readonly host: string; readonly port: number }[];
    }
  /** `gone`: it has closed its end without a word. */
  | { readonly ok: false; readonly message: string; readonly gone?: boolean };

/** Descriptors with one message; the kernel takes 253. */
const MOST_AT_ONCE = 200;
/** Between two looks at whether the data plane is settled. */
const SETTLE_MS = 50;
/** For last words to a process that need not listen any more. */
const LAST_WORD_MS = 200;

/** Ends with a process that serves, or with nothing changed. */
export async function give(parts: GiveParts): Promise<Given> {
  const { wire, now, deadline } = parts;
  const hello = await next(parts);
  if (!hello.ok) return hello.gone === true ? hello : giveUp(parts, hello.message);
  if (hello.message.type !== 'hello') return giveUp(parts, 'the new process does not say who it is');
  const offered = await offer(parts);
  if (!offered.ok) return giveUp(parts, offered.message);
  const state: GiverMessage = {
    type: 'state',
    pid: process.pid,
    product: parts.product,
    state: parts.state(),
  };
  const sent = await wire.send(writeMessage(state), [], deadline);
  if (!sent.ok) return giveUp(parts, sent.problem);
  const answer = await next(parts);
  if (!answer.ok) {
    if (answer.gone === true) return answer;
    return giveUp(parts, now() >= deadline ? 'it is not ready in time' : answer.message);
  }
  switch (answer.message.type) {
    case 'ready':
      return { ok: true, pid: answer.message.pid, serves: answer.message.serves };
    case 'failed':
      return { ok: false, message: answer.message.message };
    case 'hello':
      return giveUp(parts, 'the new process does not say whether it is ready');
    default: {
      const unreachable: never = answer.message;
      throw new TypeError(`no such message: ${JSON.stringify(unreachable)}`);
    }
  }
}

/** To be said once nobody is accepted here any more. */
export async function sayLeaving({ wire, now }: Pick<GiveParts, 'wire' | 'now'>): Promise<void> {
  await wire.send(writeMessage({ type: 'leaving' }), [], now() + LAST_WORD_MS);
}

export async function refuse({ wire, now }: Pick<GiveParts, 'wire' | 'now'>, message: string): Promise<void> {
  await wire.send(writeMessage({ type: 'refused', message }), [], now() + LAST_WORD_MS);
}

async function giveUp({ wire, now }: GiveParts, message: string): Promise<Given> {
  await wire.send(writeMessage({ type: 'abandoned', message }), [], now() + LAST_WORD_MS);
  return { ok: false, message };
}

type Next =
  | { readonly ok: true; readonly message: TakerMessage }
  | { readonly ok: false; readonly message: string; readonly gone?: boolean };

async function next({ wire, deadline }: GiveParts): Promise<Next> {
  const received = await wire.receive(deadline, () => 0);
  if (!received.ok) {
    return received.ended
      ? { ok: false, message: 'the new process has gone', gone: true }
      : { ok: false, message: received.problem };
  }
  const read = readTakerMessage(received.bytes);
  return read.ok ? read : { ok: false, message: read.problem };
}

async function offer(parts: GiveParts): Promise<{ ok: true } | { ok: false; message: string }> {
  const { wire, calls, now, pause, deadline } = parts;
  let listeners = parts.listeners();
  while (listeners === undefined) {
    if (now() >= deadline)
      return { ok: false, message: 'a listening socket is not done with a reload in time' };
    await pause(SETTLE_MS);
    listeners = parts.listeners();
  }
  const all = [
    ...listeners.map((socket) => ({ use: 'listener' as const, ...socket })),
    ...parts.pages().map((socket) => ({ use: 'page' as const, ...socket })),
  ];
  try {
    for (let at = 0; at < all.length; at += MOST_AT_ONCE) {
      const some = all.slice(at, at + MOST_AT_ONCE);
      const sockets = some.map(({ host, port, use }) => ({ host, port, use }));
      const descriptors = some.map(({ fd }) => fd);
      const sent = await wire.send(writeMessage({ type: 'sockets', sockets }), descriptors, deadline);
      if (!sent.ok) return { ok: false, message: sent.problem };
    }
    return { ok: true };
  } finally {
    for (const { fd } of all) calls.close(fd);
  }
}
