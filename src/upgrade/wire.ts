// Messages and descriptors over a Unix socket: each message is its length in four bytes, then itself, and the descriptors
// that go with it come with its first byte. Node cannot watch a bare descriptor, so the socket is asked a hundred times a
// second, which it is for as long as an upgrade takes. Knows no message.

import type { ProcessCalls } from '../engine/binding.ts';
import { describeError } from '../errors.ts';

export interface Parcel {
  readonly bytes: Buffer;
  /** The reader's to close. */
  readonly descriptors: readonly number[];
}

export type Received =
  | ({ readonly ok: true } & Parcel)
  /** `ended`: the other side has gone; else it is late, or talks nonsense. */
  | { readonly ok: false; readonly ended: boolean; readonly problem: string };

export type Sent = { readonly ok: true } | { readonly ok: false; readonly problem: string };

export interface Wire {
  /** Until `deadline`, in milliseconds of `now`. One at a time. */
  send(bytes: Buffer, descriptors: readonly number[], deadline: number): Promise<Sent>;
  /** How many descriptors come along is for the message to say; those that it does not speak of are closed. */
  receive(deadline: number, count: (bytes: Buffer) => number): Promise<Received>;
  /** Closes the socket, and descriptors that nobody has asked for. What is under way fails. */
  close(): void;
}

export interface WireParts {
  readonly calls: Pick<ProcessCalls, 'send' | 'receive' | 'close'>;
  /** The wire's from then on. */
  readonly socket: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

const LENGTH_BYTES = 4;
/** Twenty thousand changes and a hundred thousand backends fit. */
export const MOST_MESSAGE_BYTES: number = 32 * 1024 * 1024;
const MOST_PIECE = 256 * 1024;
/** What the other side may have sent ahead of its messages. */
const MOST_DESCRIPTORS = 512;
const LOOK_MS = 10;

export function createWire({ calls, socket, now, pause }: WireParts): Wire {
  const descriptors: number[] = [];
  let pieces: Buffer[] = [];
  let have = 0;
  let closed = false;

  /** Whole once there is as much as it says. */
  function whole(): Buffer | undefined {
    if (have < LENGTH_BYTES) return undefined;
    if (pieces.length > 1) pieces = [Buffer.concat(pieces)];
    const all = pieces[0] as Buffer;
    const end = LENGTH_BYTES + all.readUInt32BE(0);
    if (have < end) return undefined;
    pieces = [all.subarray(end)];
    have -= end;
    return all.subarray(LENGTH_BYTES, end);
  }

  function tooLong(): boolean {
    const [first] = pieces;
    return first !== undefined && first.length >= LENGTH_BYTES && first.readUInt32BE(0) > MOST_MESSAGE_BYTES;
  }

  async function send(bytes: Buffer, given: readonly number[], deadline: number): Promise<Sent> {
    const head = Buffer.alloc(LENGTH_BYTES);
    head.writeUInt32BE(bytes.length);
    let rest = Buffer.concat([head, bytes]);
    let along = given;
    while (rest.length > 0) {
      if (closed) return { ok: false, problem: 'it was given up' };
      try {
        const count = calls.send(socket, rest, along);
        rest = rest.subarray(count);
        if (count > 0) along = [];
        if (count > 0) continue;
      } catch (error) {
        return { ok: false, problem: `the other process does not listen: ${describeError(error)}` };
      }
      if (now() >= deadline) return { ok: false, problem: 'the other process does not read in time' };
      await pause(LOOK_MS);
    }
    return { ok: true };
  }

  async function receive(deadline: number, count: (bytes: Buffer) => number): Promise<Received> {
    for (;;) {
      if (closed) return lost(false, 'it was given up');
      const bytes = whole();
      if (bytes !== undefined) {
        const wanted = count(bytes);
        if (wanted > descriptors.length)
          return lost(false, 'the other process sends fewer sockets than it says');
        return { ok: true, bytes, descriptors: descriptors.splice(0, wanted) };
      }
      if (tooLong()) return lost(false, 'the other process sends a message that is too long');
      try {
        const came = calls.receive(socket, MOST_PIECE);
        descriptors.push(...came.descriptors);
        if (descriptors.length > MOST_DESCRIPTORS)
          return lost(false, 'the other process sends too many sockets');
        if (came.bytes.length > 0) {
          pieces.push(came.bytes);
          if (pieces.length > 1 && (pieces[0] as Buffer).length < LENGTH_BYTES)
            pieces = [Buffer.concat(pieces)];
          have += came.bytes.length;
          continue;
        }
        if (came.ended) return lost(true, 'the other process has gone');
      } catch (error) {
        return lost(true, `the other process has gone: ${describeError(error)}`);
      }
      if (now() >= deadline) return lost(false, 'the other process says nothing in time');
      await pause(LOOK_MS);
    }
  }

  return {
    send,
    receive,
    close() {
      if (closed) return;
      closed = true;
      for (const descriptor of descriptors.splice(0)) calls.close(descriptor);
      calls.close(socket);
    },
  };
}

function lost(ended: boolean, problem: string): Received {
  return { ok: false, ended, problem };
}
