// Clients that come, ask, take the answer and go, again and again, until they are told to stop: something for counters to
// count. What they say is not looked at; other tests do that.

import { connect, type Socket } from 'node:net';

export interface Traffic {
  /** Answers taken so far. */
  answers(): number;
  stop(): void;
}

export interface TrafficOptions {
  readonly port: number;
  readonly clients: number;
  /** Requests on one connection. */
  readonly turns: number;
  readonly bytes: number;
  /** Between an answer and the next request, on average. */
  readonly pauseMs: number;
}

export function startTraffic({ port, clients, turns, bytes, pauseMs }: TrafficOptions): Traffic {
  const open = new Set<Socket>();
  const request = Buffer.alloc(bytes, 'x');
  let running = true;
  let answers = 0;

  function begin(): void {
    if (!running) return;
    const socket = connect(port, '127.0.0.1');
    open.add(socket);
    let left = turns;
    let owed = bytes;
    const ask = (): void => {
      if (!socket.destroyed) socket.write(request);
    };
    const later = (run: () => void): void => {
      setTimeout(run, pauseMs * (0.5 + Math.random()));
    };
    socket.on('connect', ask);
    socket.on('data', (piece) => {
      owed -= piece.length;
      if (owed > 0) return;
      owed = bytes;
      answers += 1;
      left -= 1;
      if (left > 0) later(ask);
      else socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(socket);
      later(begin);
    });
  }

  for (let n = 0; n < clients; n += 1) begin();
  return {
    answers: () => answers,
    stop() {
      running = false;
      for (const socket of open) socket.destroy();
    },
  };
}
