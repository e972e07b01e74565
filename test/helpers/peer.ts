// One end of a TCP connection under exact control: send, fin, rst, pause, expect bytes, expect how it ends.
// An end is told apart exactly: 'fin' (the other side is done) or 'rst' (it gave up). Every wait has a deadline.
// Node reads one chunk ahead of a pause and no more: the high-water mark is a byte, so nothing piles up unseen.

import type { Socket } from 'node:net';

import { PATIENCE_MS, until, within } from './deadline.ts';
import type { Payload } from './payload.ts';

/** How a stream ended; an errno name where it was neither FIN nor RST. */
export type End = 'fin' | 'rst' | (string & {});

export interface Peer {
  readonly socket: Socket;
  /** Bytes that came so far. */
  received(): number;
  end(): End | undefined;
  /** Resolves when the kernel has the last byte. */
  send(bytes: Buffer | string, ms?: number): Promise<void>;
  /** Sends payload bytes until nothing is taken for `stillMs` or `limit` is reached; all of them are under way. */
  flood(from: Payload, limit: number, stillMs?: number): Promise<number>;
  fin(): void;
  rst(): void;
  /** Both directions, in order: FIN, or RST where the kernel has bytes for us that nobody read. */
  close(): void;
  pause(): void;
  resume(): void;
  /** From the next byte on bytes are compared with the payload, and not kept. */
  verify(against: Payload, offset?: number): void;
  /** Exactly that many bytes. */
  take(count: number, ms?: number): Promise<Buffer>;
  /** Exactly these bytes. */
  expect(bytes: Buffer | string, ms?: number): Promise<void>;
  /** Reads on to the end and returns it; bytes not yet taken stay. */
  ends(ms?: number): Promise<End>;
  /** What came and was not taken. */
  rest(): Buffer;
  expectFin(ms?: number): Promise<void>;
  expectRst(ms?: number): Promise<void>;
}

/** What lies under a socket, as far as no public function does the same. */
interface Inside {
  resetAndClosing: boolean;
  readonly _handle: { getpeername(out: object): number } | null;
}

/**
 * Whether the kernel has dropped the connection: libuv reports bytes with a reset right behind them as bytes and an
 * orderly end. After a FIN there still is a peer, unless we have ended too.
 */
function isGone(socket: Socket): boolean {
  const { _handle } = socket as unknown as Inside;
  return _handle !== null && _handle.getpeername({}) !== 0;
}

export function peerOf(socket: Socket, name: string): Peer {
  const inbox: Buffer[] = [];
  let held = 0;
  let received = 0;
  let ended: End | undefined;
  let problem: Error | undefined;
  let against: { payload: Payload; offset: number } | undefined;
  const waiting: (() => void)[] = [];
  const wake = (): void => waiting.splice(0).forEach((resume) => resume());

  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => {
    received += bytes.length;
    if (against === undefined) {
      inbox.push(bytes);
      held += bytes.length;
    } else {
      try {
        against.payload.check(bytes, against.offset, name);
      } catch (error) {
        problem ??= error as Error;
      }
      against.offset += bytes.length;
    }
    wake();
  });
  socket.on('end', () => {
    ended ??= !socket.writableEnded && isGone(socket) ? 'rst' : 'fin';
    wake();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // EPIPE is what a write gets after the RST: the RST is what happened.
    ended ??= error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'rst' : (error.code ?? error.message);
    wake();
  });
  socket.on('close', () => {
    ended ??= 'closed here';
    wake();
  });

  /** Until ready() or the end of the stream. */
  async function arrival(ready: () => boolean, what: () => string, ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (problem === undefined && !ready()) {
      if (ended !== undefined) throw new Error(`${name}: ${what()}, then ${ended}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${name}: ${what()} within ${ms} ms`);
      const event = new Promise<void>((resolve) => waiting.push(resolve));
      await within(event, `${name}: ${what()}`, left);
    }
    if (problem !== undefined) throw problem;
  }

  function cut(count: number): Buffer {
    const all = Buffer.concat(inbox.splice(0));
    held = all.length - count;
    if (held > 0) inbox.push(all.subarray(count));
    return all.subarray(0, count);
  }

  const peer: Peer = {
    socket,
    received: () => received,
    end: () => ended,
    send(bytes, ms = PATIENCE_MS) {
      const written = new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
      return within(written, `${name}: ${bytes.length} bytes are not taken`, ms);
    },
    async flood(from, limit, stillMs = 250) {
      const STEP = 65_536;
      let sent = 0;
      while (sent < limit && ended === undefined) {
        const count = Math.min(STEP, limit - sent);
        const before = performance.now();
        let taken = false;
        socket.write(from.at(sent, count), () => (taken = true));
        sent += count;
        await until(
          () => taken || ended !== undefined || performance.now() - before > stillMs,
          'flood',
          stillMs + PATIENCE_MS,
        );
        if (!taken) break;
      }
      return sent;
    },
    fin: () => void socket.end(),
    rst() {
      // resetAndDestroy() sends FIN first while anything can still be written. This is what it then does, alone.
      const reset = (): void => {
        (socket as unknown as Inside).resetAndClosing = true;
        socket.destroy();
      };
      // A FIN that is on its way cannot be overtaken: libuv refuses to.
      if (socket.writableEnded && !socket.writableFinished) socket.once('finish', reset);
      else reset();
    },
    close: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    verify(from, offset = 0) {
      against = { payload: from, offset };
      if (held > 0) {
        const early = cut(held);
        from.check(early, offset, name);
        against.offset += early.length;
      }
    },
    async take(count, ms = PATIENCE_MS) {
      await arrival(
        () => held >= count,
        () => `${held} bytes of ${count} came`,
        ms,
      );
      return cut(count);
    },
    async expect(bytes, ms = PATIENCE_MS) {
      const wanted = Buffer.from(bytes);
      const seen = await peer.take(wanted.length, ms);
      if (!seen.equals(wanted))
        throw new Error(`${name}: saw ${JSON.stringify(seen.toString('latin1').slice(0, 200))}`);
    },
    async ends(ms = PATIENCE_MS) {
      socket.resume();
      const deadline = performance.now() + ms;
      // Bytes that still come are patience's reason, not its limit.
      let last = received;
      let latest = deadline;
      while (ended === undefined && problem === undefined) {
        const event = new Promise<void>((resolve) => waiting.push(resolve));
        const left = Math.max(1, latest - performance.now());
        await within(event, `${name}: no end after ${received} bytes`, left);
        if (received !== last) latest = performance.now() + ms;
        last = received;
      }
      if (problem !== undefined) throw problem;
      return ended ?? 'closed here';
    },
    rest: () => cut(held),
    async expectFin(ms) {
      const end = await peer.ends(ms);
      if (end !== 'fin') throw new Error(`${name}: ended by ${end} after ${received} bytes instead of FIN`);
    },
    async expectRst(ms) {
      const end = await peer.ends(ms);
      if (end !== 'rst') throw new Error(`${name}: ended by ${end} after ${received} bytes instead of RST`);
    },
  };
  return peer;
}
