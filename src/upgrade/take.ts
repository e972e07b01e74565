// The process that comes: asks the one that is there for its listening sockets and for what it has learnt, says when it
// serves, and hears whether that counts. Knows no balancer.

import type { ProcessCalls } from '../engine/binding.ts';
import { type GiverMessage, readGiverMessage, type RunState, writeMessage } from './messages.ts';
import type { Wire } from './wire.ts';

export interface TakenSocket {
  readonly host: string;
  readonly port: number;
  readonly use: 'listener' | 'page';
  readonly fd: number;
}

export interface Heritage {
  readonly sockets: readonly TakenSocket[];
  readonly state: RunState;
  /** Of the process that is there, and what it says of itself. */
  readonly pid: number;
  readonly product: string;
}

export type Taken =
  { readonly ok: true; readonly heritage: Heritage } | { readonly ok: false; readonly message: string };

/** `gone`: it left without a word, so that nobody but us serves. */
export type Verdict =
  { readonly is: 'leaving' | 'gone' } | { readonly is: 'abandoned'; readonly message: string };

export interface TakeParts {
  readonly wire: Wire;
  readonly calls: Pick<ProcessCalls, 'close'>;
  readonly product: string;
  readonly now: () => number;
  /** Of `now`. */
  readonly deadline: number;
}

/** For last words to a process that need not listen any more. */
const LAST_WORD_MS = 500;
/** From being ready to hearing that it counts. */
const VERDICT_MS = 10_000;
/** More than every address with every worker's socket, and fewer than would fill this process. */
const MOST_SOCKETS = 100_000;

/** On a failure no descriptor is left open. */
export async function take(parts: TakeParts): Promise<Taken> {
  const { wire, calls, product, deadline } = parts;
  const sockets: TakenSocket[] = [];
  const fail = (message: string): Taken => {
    for (const { fd } of sockets) calls.close(fd);
    return { ok: false, message };
  };
  const said = await wire.send(writeMessage({ type: 'hello', pid: process.pid, product }), [], deadline);
  if (!said.ok) return fail(said.problem);
  for (;;) {
    let message: GiverMessage | undefined;
    let problem = '';
    const received = await wire.receive(deadline, (bytes) => {
      const read = readGiverMessage(bytes);
      if (!read.ok) problem = read.problem;
      else message = read.message;
      return message?.type === 'sockets' ? message.sockets.length : 0;
    });
    if (!received.ok) return fail(received.problem);
    if (message === undefined) return fail(problem);
    switch (message.type) {
      case 'sockets':
        for (const [at, socket] of message.sockets.entries())
          sockets.push({ ...socket, fd: received.descriptors[at] ?? -1 });
        if (sockets.length > MOST_SOCKETS)
          return fail('the other process has more sockets than can be taken');
        break;
      case 'state':
        return {
          ok: true,
          heritage: { sockets, state: message.state, pid: message.pid, product: message.product },
        };
      case 'refused':
      case 'abandoned':
        return fail(message.message);
      case 'leaving':
        return fail('the other process leaves without handing over');
      default: {
        const unreachable: never = message;
        throw new TypeError(`no such message: ${JSON.stringify(unreachable)}`);
      }
    }
  }
}

/** It serves these addresses: the other one lets go of them, unless it has given up meanwhile. */
export async function sayReady(
  { wire, now }: TakeParts,
  serves: readonly { readonly host: string; readonly port: number }[],
): Promise<Verdict> {
  const deadline = now() + VERDICT_MS;
  const ready = { type: 'ready' as const, pid: process.pid, serves: [...serves] };
  // Not sent means that nobody is there: whatever was said before that is still to be read.
  await wire.send(writeMessage(ready), [], deadline);
  const received = await wire.receive(deadline, () => 0);
  if (!received.ok) return { is: 'gone' };
  const read = readGiverMessage(received.bytes);
  return read.ok && read.message.type === 'abandoned'
    ? { is: 'abandoned', message: read.message.message }
    : { is: 'leaving' };
}

export async function sayFailed({ wire, now }: TakeParts, message: string): Promise<void> {
  await wire.send(
    writeMessage({ type: 'failed', message: message.slice(0, 2000) }),
    [],
    now() + LAST_WORD_MS,
  );
}
