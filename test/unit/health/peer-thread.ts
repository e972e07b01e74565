// A backend in a thread: answers each request once it is whole, after a while; '' never.

import { type AddressInfo, createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { answer, afterMs } = (workerData ?? { answer: '', afterMs: 0 }) as { answer: string; afterMs: number };

if (parentPort !== null) {
  const port = parentPort;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (answer !== '') setTimeout(() => socket.end(answer), afterMs);
    });
  });
  server.listen(0, '127.0.0.1', () => port.postMessage((server.address() as AddressInfo).port));
}
