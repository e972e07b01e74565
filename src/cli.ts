#!/usr/bin/env node
// The command line: flags, sub-commands and exit codes, no logic of its own. What a command needs is imported when it
// is asked for, so that --check is quick. Exit codes: 0 orderly end, 1 failure at run time, 2 bad command line or config.

import './heap.ts';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command, CommanderError } from 'commander';

import { packageRoot } from './engine/load.ts';

interface RootOptions {
  readonly config?: string;
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
  const { checkConfig, printEffective, printSchema, runConfig, runDemo } = await import('./commands.ts');
  if (options.printSchema) return printSchema();
  if (options.demo) return runDemo(version());
  if (options.config === undefined) {
    command.error("error: which config? --config FILE, or --demo to see it work without one", { exitCode: EXIT_USAGE });
  }
  if (options.check) return checkConfig(options.config);
  if (options.printEffectiveConfig) return printEffective(options.config);
  return runConfig(options.config, version());
}

function program(done: (code: number) => void): Command {
  const cli = new Command('ultrabalancer-l4')
    .description('Layer-4 TCP load balancer')
    .version(version())
    .option('-c, --config <file>', 'YAML or JSON, flat or full form (docs/configuration.md)')
    .option('--check', 'validate the config and leave; binds nothing')
    .option('--print-effective-config', 'every value with where it comes from; binds nothing')
    .option('--print-schema', 'the JSON Schema of the config')
    .option('--demo', 'two backends of its own behind 127.0.0.1:8080, metrics on 127.0.0.1:9090')
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    .exitOverride()
    .action(async (options: RootOptions, command: Command) => done(await root(options, command)));
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
