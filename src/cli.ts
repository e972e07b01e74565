#!/usr/bin/env node
// The command line: flags, sub-commands and exit codes, no logic of its own. What a command needs is imported when it
// is asked for, so that --check is quick. Exit codes: 0 orderly end, 1 failure at run time, 2 bad command line or config.

import './heap.ts';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command, CommanderError, InvalidArgumentError } from 'commander';

import { addCtl } from './admin/command.ts';
import { packageRoot } from './engine/load.ts';
import type { ExplainOptions, SimulateOptions } from './explain/commands.ts';

interface RootOptions {
  readonly config?: string;
  readonly watch?: boolean;
  readonly takeOver?: boolean;
  readonly check?: boolean;
  readonly printEffectiveConfig?: boolean;
  readonly printSchema?: boolean;
  readonly demo?: boolean;
}

const EXIT_USAGE = 2;

function version(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function root(options: RootOptions, command: Command): Promise<number> {
  const [stray] = command.args;
  if (stray !== undefined) command.error(`error: unexpected argument '${stray}'`, { exitCode: EXIT_USAGE });
  const { checkConfig, printEffective, printSchema, runConfig, runDemo } = await import('./commands.ts');
  if (options.printSchema) return printSchema();
  if (options.demo) return runDemo(version());
  if (options.config === undefined) {
    command.error('error: which config? --config FILE, or --demo to see it work without one', {
      exitCode: EXIT_USAGE,
    });
  }
  if (options.check) return checkConfig(options.config);
  if (options.printEffectiveConfig) return printEffective(options.config);
  const { watch = false, takeOver = false } = options;
  return runConfig(options.config, version(), { watch, takeOver });
}

function clients(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError('a whole number above 0 is wanted');
  return count;
}

function addDoctor(cli: Command, done: (code: number) => void): void {
  cli
    .command('doctor')
    .description('what of this host will break this config, worst first, and the command that mends it')
    .requiredOption('-c, --config <file>', 'the config to hold against this host')
    .option('--json', 'for programs')
    .action(async (options: { config: string; json?: boolean }) => {
      const { doctor } = await import('./commands.ts');
      done(await doctor(options.config, options.json ?? false));
    });
}

function addQuestions(cli: Command, done: (code: number) => void): void {
  cli
    .command('explain')
    .description('which backend a client gets, out of whom, and why')
    .requiredOption('-c, --config <file>', 'the config to ask')
    .requiredOption('--client <ip>', "the client's address")
    .option('--listener <name>', 'the listener it comes to; every one unless told')
    .option('--metrics <url>', 'take the health of backends from a running balancer')
    .option('--json', 'for programs')
    .action(async (options: ExplainOptions) => {
      const { explainCommand } = await import('./explain/commands.ts');
      done(await explainCommand(options));
    });
  cli
    .command('simulate')
    .description('how clients spread, and who moves when the config changes')
    .requiredOption('-c, --config <file>', 'the config as it is')
    .option('--with <file>', 'the config as it would be')
    .option('--without <host:port...>', 'backends that are down')
    .option('--clients <n>', 'how many distinct clients', clients)
    .option('--seed <n>', 'another crowd of clients', clients)
    .option('--json', 'for programs')
    .action(async (options: SimulateOptions) => {
      const { simulateCommand } = await import('./explain/commands.ts');
      done(simulateCommand(options));
    });
}

function program(done: (code: number) => void): Command {
  const cli = new Command('ultrabalancer-l4')
    .description('Layer-4 TCP load balancer')
    .version(version())
    .option('-c, --config <file>', 'YAML or JSON, flat or full form (docs/configuration.md)')
    .option('--watch', 'reload whenever the file changes')
    .option('--take-over', 'from the process that listens at upgrade.socket, which then drains')
    .option('--check', 'validate the config and leave; binds nothing')
    .option('--print-effective-config', 'every value with where it comes from; binds nothing')
    .option('--print-schema', 'the JSON Schema of the config')
    .option('--demo', 'two backends of its own behind 127.0.0.1:8080, metrics on 127.0.0.1:9090')
    .allowExcessArguments()
    .showSuggestionAfterError()
    .exitOverride()
    .enablePositionalOptions()
    .action(async (options: RootOptions, command: Command) => done(await root(options, command)));
  addDoctor(cli, done);
  addQuestions(cli, done);
  addCtl(cli, done);
  return cli;
}

async function main(): Promise<void> {
  let code = 0;
  try {
    await program((result) => (code = result)).parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  process.exit(code);
}

await main();
