// What the sub-commands `explain` and `simulate` do: options in, text or JSON out, an exit code back. 0 answered, 1 a running
// balancer could not be asked, 2 a bad command line or config. Binds nothing and changes nothing.

import type { Config } from '../config/config.ts';
import { formatIssues } from '../config/issue.ts';
import { loadConfigFile } from '../config/load.ts';
import { writeAll } from '../output.ts';
import { backendKey } from '../snapshot/build.ts';
import { MOST_CLIENTS } from './clients.ts';
import { explain } from './explain.ts';
import { observeRunning } from './observed.ts';
import { printExplanation } from './print-explain.ts';
import { printSimulation } from './print-simulate.ts';
import { costOf, simulate } from './simulate.ts';

const EXIT_OK = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const CLIENTS = 100_000;
/** Loads that are looked at; some ten seconds. */
const MOST_COST = 200_000_000;

export interface ExplainOptions {
  readonly config: string;
  readonly client: string;
  readonly listener?: string | undefined;
  /** The metrics page of a running balancer. */
  readonly metrics?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface SimulateOptions {
  readonly config: string;
  readonly with?: string | undefined;
  /** `host:port` of backends that are down. */
  readonly without?: readonly string[] | undefined;
  readonly clients?: number | undefined;
  readonly seed?: number | undefined;
  readonly json?: boolean | undefined;
}

export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const STANDARD: Streams = { out: (text) => writeAll(1, text), err: (text) => writeAll(2, text) };

export async function explainCommand(
  options: ExplainOptions,
  { out, err }: Streams = STANDARD,
): Promise<number> {
  const config = configOf(options.config, err);
  if (config === undefined) return EXIT_USAGE;
  const { client, listener, metrics } = options;
  const asked = explain({ config, client, listener });
  if (!asked.ok) {
    err(`error: ${asked.message}\n`);
    return EXIT_USAGE;
  }
  const seen = metrics === undefined ? undefined : await observeRunning(metrics);
  if (seen?.ok === false) {
    err(`error: ${seen.message}\n`);
    return EXIT_FAILURE;
  }
  const explained = seen === undefined ? asked : explain({ config, client, listener, observe: seen.observe });
  const explanations = explained.ok ? explained.explanations : [];
  if (options.json) out(`${JSON.stringify({ states: metrics ?? 'assumed', explanations }, null, 2)}\n`);
  else out(explanations.map((each) => printExplanation(each, metrics)).join('\n'));
  return EXIT_OK;
}

export function simulateCommand(options: SimulateOptions, { out, err }: Streams = STANDARD): number {
  const { clients = CLIENTS, seed = 1, without = [] } = options;
  const before = configOf(options.config, err);
  const after = options.with === undefined ? before : configOf(options.with, err);
  if (before === undefined || after === undefined) return EXIT_USAGE;
  const isChanged = options.with !== undefined || without.length > 0;
  const stranger = without.find((backend) => !hasBackend(after, backend));
  const problem =
    stranger !== undefined
      ? `no pool has a backend ${stranger}`
      : clients < 1 || clients > MOST_CLIENTS || !Number.isInteger(clients)
        ? `the number of clients is from 1 to ${MOST_CLIENTS}`
        : costOf(before, clients) + (isChanged ? costOf(after, clients) : 0) > MOST_COST
          ? 'that many clients with that many backends would take minutes: ask for fewer clients'
          : undefined;
  if (problem !== undefined) {
    err(`error: ${problem}\n`);
    return EXIT_USAGE;
  }
  const change = isChanged ? { config: after, down: new Set(without) } : undefined;
  const simulation = simulate({ before, change, clients, seed });
  out(options.json ? `${JSON.stringify(simulation, null, 2)}\n` : printSimulation(simulation));
  return EXIT_OK;
}

function hasBackend(config: Config, backend: string): boolean {
  return config.pools.some((pool) => pool.backends.some((each) => backendKey(each) === backend));
}

function configOf(file: string, err: Streams['err']): Config | undefined {
  const loaded = loadConfigFile(file);
  if (loaded.ok) return loaded.config;
  err(formatIssues(loaded.issues));
  return undefined;
}
