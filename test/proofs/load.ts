// The load of a proof: short connections and long streams, made and compared byte by byte by the benchmark's generator
// (`bench/load/proof.h`), which is a process of its own. Here it is started, watched and ended. Knows no balancer.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { PATIENCE_MS, until, within } from '../helpers/deadline.ts';
import { load as benchModule } from '../unit/bench/compiled.ts';

export { skip } from '../unit/bench/compiled.ts';

export interface LoadSize {
  /** Short connections under way at any time. */
  readonly connections: number;
  readonly streams: number;
  /** Over all streams and both directions. */
  readonly bytesPerSecond: number;
  readonly backends: number;
}

export interface Progress {
  /** Short connections that got the right answer. */
  readonly connections: number;
  readonly streamBytes: number;
}

export interface LoadResult extends Progress {
  /** By backend: connections on which something was asked. */
  readonly asked: readonly number[];
  /** Connections refused, reset, cut or answered wrongly, and streams likewise: counted, and 0, or end() throws. */
  readonly failures: number;
  /** The longest short connection, from connect to answer, in milliseconds. */
  readonly slowestMs: number;
}

export interface ProofLoad {
  /** host:port of each. */
  readonly backends: readonly string[];
  /** Begins; resolves when every stream stands and something has been answered. */
  go(target: string): Promise<void>;
  /** Throws as soon as anything went wrong. */
  progress(): Progress;
  /** Lets everything end in good order, and throws when anything did not. */
  end(): Promise<LoadResult>;
  kill(): void;
}

type Message = Readonly<Record<string, unknown>>;

/** How much went wrong in a message of the generator: nothing, or it throws. */
function failuresIn(message: Message): number {
  const errors = message['errors'] as Readonly<Record<string, number>>;
  const total = Object.values(errors).reduce((sum, count) => sum + count, 0);
  if (total > 0) throw new Error(`clients met ${JSON.stringify(errors)}`);
  return total;
}

/** `net` is the part of 127/8 that its addresses are from, 1 to 254. */
export async function startLoad(size: LoadSize, net: number): Promise<ProofLoad> {
  const { compileGenerator } = await benchModule<{
    compileGenerator(): Promise<
      { readonly ok: true; readonly file: string } | { readonly ok: false; readonly note: string }
    >;
  }>('lib/compile.js');
  const built = await compileGenerator();
  if (!built.ok) throw new Error(built.note);
  const args = ['proof', '--net', net, '--connections', size.connections, '--streams', size.streams];
  args.push('--bytes-per-second', size.bytesPerSecond, '--backends', size.backends, '--patience', 60);
  const child = spawn(built.file, args.map(String), { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  child.stdin.on('error', () => undefined); // it has left: told by its exit
  const left = once(child, 'exit');
  let last: Message | undefined;
  let result: Message | undefined;
  let ready: Message | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    if (message['event'] === 'ready') ready = message;
    else if (message['event'] === 'result') result = message;
    else last = message;
  });
  const alive = (): void => {
    if (child.exitCode !== null && result === undefined)
      throw new Error(`the load generator left: ${complaint}`);
  };

  function progress(): Progress {
    alive();
    if (last === undefined) return { connections: 0, streamBytes: 0 };
    failuresIn(last);
    return { connections: last['connections'] as number, streamBytes: last['stream_bytes'] as number };
  }

  const told = await until(() => {
    alive();
    return ready;
  }, 'the load generator listens');
  return {
    backends: told['backends'] as string[],
    progress,
    async go(target) {
      child.stdin.write(`go ${target} -\n`);
      await until(
        () => progress().connections > 0 && progress().streamBytes > 0,
        'something is answered',
        4 * PATIENCE_MS,
      );
    },
    async end() {
      progress();
      child.stdin.end('end\n');
      await within(left, 'the load ends', 90_000);
      if (result === undefined) throw new Error(`the load generator left: ${complaint}`);
      return {
        failures: failuresIn(result),
        connections: result['units'] as number,
        streamBytes: result['stream_bytes'] as number,
        asked: result['asked'] as number[],
        slowestMs: (result['latency'] as { readonly max: number }).max / 1e6,
      };
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
