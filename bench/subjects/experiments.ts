// What was tried and is not the default, measured beside what is: only when asked for by name.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { root } from '../lib/paths.ts';
import { oursConfig } from './ours.ts';
import { startListening, writeConfig, type Detected } from './subject.ts';

/** Every read acknowledged at once, as `tcp_quickack: true` has it. */
export function detectQuickAck(): Detected {
  const cli = join(root, 'dist', 'cli.js');
  if (!existsSync(cli)) return { ok: false, note: 'ours is not built (npm run build)' };
  return {
    ok: true,
    version: 'this checkout',
    subjects: [
      {
        id: 'quickack',
        family: 'quickack',
        setup: 'ours with tcp_quickack: true',
        letters: 'BC',
        async start(place) {
          const file = writeConfig(place, 'config.yaml', oursConfig(place, { quickAck: true }));
          const child = await startListening(place, [process.execPath, cli, '--config', file]);
          return { pids: [child.pid], target: place.listen, child, stop: () => child.stop() };
        },
      },
    ],
  };
}

/** The relay over io_uring, where it has been compiled (its first lines say how). */
export function detectIoUring(): Detected {
  const program = join(root, '.build', 'io_uring_relay');
  if (!existsSync(program))
    return { ok: false, note: 'the io_uring relay is not built (bench/experiments/io_uring_relay.cc)' };
  return {
    ok: true,
    version: 'this checkout',
    subjects: [
      {
        id: 'io-uring',
        family: 'io-uring',
        setup: 'an experiment: small messages over io_uring, and nothing else of what a relay has to do',
        letters: 'B',
        async start(place) {
          const [backend = ''] = place.backends;
          const child = await startListening(place, [program, place.listen, backend]);
          return { pids: [child.pid], target: place.listen, child, stop: () => child.stop() };
        },
      },
    ],
  };
}
