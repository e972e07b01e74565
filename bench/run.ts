// `npm run bench`: puts the parts together. Progress goes to stderr, the table of ratios to stdout, everything else to
// files. Exit codes: 0 measured, 1 it could not be, 2 bad command line.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { killAll } from './lib/children.ts';
import { compileGenerator } from './lib/compile.ts';
import { describeEnvironment, loadAverage, measureIdle, waitForQuiet } from './lib/environment.ts';
import { seconds } from './lib/format.ts';
import { buildFolder } from './lib/paths.ts';
import { allowedCpus } from './lib/proc.ts';
import { createRandom } from './lib/random.ts';
import {
  FORMAT,
  readResults,
  writeResults,
  type MicroRecord,
  type Results,
  type SyscallRecord,
  type TrialRecord,
} from './lib/results.ts';
import { parseOptions, type Options } from './options.ts';
import { publish, writeOut } from './report/publish.ts';
import { ratiosForTerminal } from './report/terminal.ts';
import { estimateSeconds, runRounds } from './rounds.ts';
import { MOST_STRANGERS } from './rules.ts';
import { gather, type Cast } from './subjects/index.ts';
import type { Bench } from './trial.ts';

const INSIDE = 'BENCH_INSIDE';
const IDLE_MS = 1000;
const MICRO_MS = 200;
/** How long a round waits for others to leave the machine alone. */
const QUIET_DEADLINE_MS = 30_000;

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

/** The same program in a network namespace of its own, where nothing else listens, connects or lingers. */
function reenter(generator: string): number {
  const program = fileURLToPath(import.meta.url);
  const args = ['namespace', '--', process.execPath, ...process.execArgv, program, ...process.argv.slice(2)];
  process.on('SIGINT', () => undefined); // the terminal tells the child as well, which cleans up
  const { status } = spawnSync(generator, args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  return status ?? 1;
}

async function measure(
  options: Options,
  cast: Cast,
  bench: Bench,
): Promise<Pick<Results, 'trials' | 'syscalls' | 'micro' | 'notes'>> {
  const notes = [...cast.notes];
  if (!bench.canKeepAwake && options.workloads.some((workload) => workload.awake)) {
    notes.push('CPUs were not kept awake where they should be: /dev/cpu_dma_latency is for root');
  }
  let trials: TrialRecord[] = [];
  let syscalls: SyscallRecord[] = [];
  let micro: MicroRecord[] = [];
  if (options.macro) {
    const plan = {
      workloads: options.workloads,
      subjects: cast.subjects,
      rounds: options.rounds,
      random: createRandom(options.seed),
      seed: options.seed,
      untilQuiet: async () => {
        if (options.tolerateStrangers || (await waitForQuiet(MOST_STRANGERS, QUIET_DEADLINE_MS))) return;
        tell(`the machine has not been quiet for ${QUIET_DEADLINE_MS / 1000} s; going on`);
      },
      tell,
    };
    tell(
      `${cast.subjects.length} subjects, ${options.workloads.length} workloads, ${options.rounds} rounds, seed ${options.seed}: about ${seconds(estimateSeconds(plan, bench))}`,
    );
    trials = await runRounds(plan, bench);
  }
  if (options.syscalls) {
    tell('system calls, one connection at a time, under strace');
    const counted = await countedSyscalls(bench, cast);
    syscalls = counted.records;
    notes.push(...counted.notes);
  }
  if (options.micro) {
    const parts = await microParts();
    micro = parts.records;
    notes.push(...parts.notes);
  }
  return { trials, syscalls, micro, notes };
}

async function countedSyscalls(
  bench: Bench,
  cast: Cast,
): Promise<{ records: SyscallRecord[]; notes: string[] }> {
  const { countSyscalls } = await import('./syscalls.ts');
  return countSyscalls(bench, cast.subjects, tell);
}

/** Loaded late: they import the product, which need not be built for the rest. */
async function microParts(): Promise<{ records: MicroRecord[]; notes: string[] }> {
  try {
    const [{ controlPlane }, { picks }] = await Promise.all([
      import('./micro/control-plane.ts'),
      import('./micro/pick.ts'),
    ]);
    const plane = await controlPlane(MICRO_MS, (part) => tell(`micro: ${part}`));
    const picked = await picks(MICRO_MS / 1000, (part) => tell(`micro: ${part}`));
    return { records: [...plane.records, ...picked.records], notes: [...plane.notes, ...picked.notes] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { records: [], notes: [`parts by themselves were not measured: ${why}`] };
  }
}

/** The file through which sleep states are held off is there and may be written. */
function mayKeepAwake(): boolean {
  try {
    accessSync('/dev/cpu_dma_latency', constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function networkText(options: Options): string {
  if (process.env[INSIDE] !== undefined) return 'loopback of a network namespace of its own';
  return options.namespace
    ? 'loopback of the host (not allowed to make a namespace)'
    : 'loopback of the host';
}

async function run(options: Options, generator: string): Promise<number> {
  const from = new Date().toISOString();
  const loadBefore = loadAverage();
  const cast = gather(options);
  for (const note of cast.notes) tell(`note: ${note}`);
  const cpus = allowedCpus();
  const proxyCpu = cpus[0] ?? 0;
  const generatorCpu = cpus[cpus.length - 1] ?? 0;
  if (proxyCpu === generatorCpu) tell('note: one CPU only: generator and proxy share it');
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const bench: Bench = {
    generator,
    proxyCpu,
    generatorCpu,
    folder,
    windowSeconds: options.window,
    warmUpSeconds: options.warmUp,
    tolerateStrangers: options.tolerateStrangers,
    quick: options.quick,
    canKeepAwake: mayKeepAwake(),
  };
  const environment = describeEnvironment({
    placement: `proxy pinned to CPU ${proxyCpu}, generator and backends to CPU ${generatorCpu}`,
    network: networkText(options),
    versions: cast.versions,
    loadBefore,
    idleBusy: await measureIdle(IDLE_MS),
  });
  const measured = await measure(options, cast, bench);
  const results: Results = {
    format: FORMAT,
    from,
    to: new Date().toISOString(),
    seed: options.seed,
    rounds: options.rounds,
    quick: options.quick,
    strangersTolerated: options.tolerateStrangers,
    windowSeconds: options.window,
    warmUpSeconds: options.warmUp,
    command: [
      'npm run bench --',
      ...process.argv.slice(2),
      ...(process.argv.includes('--seed') ? [] : [`--seed ${options.seed}`]),
    ].join(' '),
    environment: { ...environment, loadAfter: loadAverage() },
    notes: measured.notes,
    subjects: cast.subjects.map(({ id, family, setup }) => ({ id, family, setup })),
    trials: measured.trials,
    syscalls: measured.syscalls,
    micro: measured.micro,
  };
  return finish(options, results);
}

function finish(options: Options, results: Results): number {
  if (options.json !== undefined) writeResults(options.json, results);
  const written = writeOut(results, options.out ?? join(buildFolder, 'out'));
  process.stdout.write(`${ratiosForTerminal(results)}\n`);
  tell(`results ${written.json}\npage    ${written.page}\nchart   ${written.chart}`);
  if (!options.publish) return 0;
  const reasons = publish(results);
  for (const reason of reasons) tell(`not published: ${reason}`);
  return reasons.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), 1 + Math.floor(Math.random() * 1_000_000));
  if (options.report !== undefined)
    return finish({ ...options, json: undefined }, readResults(options.report));
  const built = await compileGenerator();
  if (!built.ok) {
    tell(built.note);
    return 1;
  }
  const mayMakeNamespace = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  const CAP_SYS_ADMIN = 1n << 21n;
  const privileged = (BigInt(`0x${mayMakeNamespace ?? '0'}`) & CAP_SYS_ADMIN) !== 0n;
  if (options.namespace && privileged && process.env[INSIDE] === undefined) return reenter(built.file);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      killAll();
      process.exit(1);
    });
  }
  return run(options, built.file);
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  },
);
