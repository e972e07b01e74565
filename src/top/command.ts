// The command line of top: its options, and the terminal it runs on. No logic of its own.

import { setTimeout as delay } from 'node:timers/promises';

import { type Command, InvalidArgumentError } from 'commander';

import { createAdminClient } from '../admin/client.ts';
import { targetOf, type WhereOptions } from '../admin/where.ts';
import { writeAll } from '../output.ts';
import { openScreen } from './screen.ts';
import { runTop } from './top.ts';

interface TopOptions extends WhereOptions {
  readonly once?: boolean;
  readonly interval: number;
}

const EXIT_USAGE = 2;
const WIDTH = 120;
const LEAST_S = 0.2;
const MOST_S = 3600;

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= LEAST_S && value <= MOST_S))
    throw new InvalidArgumentError(`seconds are wanted, ${LEAST_S} to ${MOST_S}`);
  return value;
}

/** The options of `top` itself, beside where the balancer is; `done` gets the exit code. */
export function makeTop(command: Command, where: () => WhereOptions, done: (code: number) => void): void {
  command
    .option('--once', 'one frame, and no more')
    .option('--interval <seconds>', 'how long between two looks', seconds, 2)
    .action(async () => done(await top({ ...where(), ...command.opts<TopOptions>() })));
}

async function top(options: TopOptions): Promise<number> {
  const target = targetOf(options);
  const err = (text: string): void => writeAll(2, text);
  if ('problem' in target) {
    err(`error: ${target.problem}\n`);
    return EXIT_USAGE;
  }
  const ended = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const end = (): void => ended.abort();
  for (const signal of signals) process.on(signal, end);
  const { stdin: input, stdout: output } = process;
  const code = await runTop({
    client: createAdminClient(target),
    intervalMs: options.interval * 1000,
    json: options.json ?? false,
    once: options.once ?? false,
    // As no-color.org has it: set and not empty.
    colour: output.isTTY && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb',
    width: output.isTTY ? output.columns : Number(process.env['COLUMNS'] ?? '') || WIDTH,
    out: (text) => writeAll(1, text),
    err,
    ...(output.isTTY ? { openScreen: (keys) => openScreen({ input, output, ...keys }) } : {}),
    sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
    signal: ended.signal,
  });
  for (const signal of signals) process.off(signal, end);
  return code;
}
