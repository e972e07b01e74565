// The plain proxy of a few lines that Node's own net module makes: what the product has to be better than to exist.
// Run as a program: net-proxy.js LISTEN BACKEND…

import { connect, createServer, type Socket } from 'node:net';

const [listen = '', ...backends] = process.argv.slice(2);

function endpoint(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

let turn = 0;
const server = createServer({ allowHalfOpen: true, noDelay: true }, (client: Socket) => {
  const where = endpoint(backends[turn++ % backends.length] ?? '');
  const backend = connect({ ...where, allowHalfOpen: true, noDelay: true });
  client.pipe(backend);
  backend.pipe(client);
  client.on('error', () => backend.destroy());
  backend.on('error', () => client.destroy());
});
server.listen({ ...endpoint(listen), backlog: 4096 });
