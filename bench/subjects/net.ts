// A node:net proxy as a child process.

import { join } from 'node:path';

import { buildFolder } from '../lib/paths.ts';
import { startListening, type Subject } from './subject.ts';

export const net: Subject = {
  id: 'net',
  family: 'net',
  setup: 'node:net, two pipes per connection, half-open allowed, no delay',
  async start(place) {
    const program = join(buildFolder, 'subjects', 'net-proxy.js');
    const child = await startListening(place, [process.execPath, program, place.listen, ...place.backends]);
    return { pids: [child.pid], target: place.listen, child, stop: () => child.stop() };
  },
};
