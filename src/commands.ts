// What the command line's flags do, one function each; they return exit codes and print for people. The parts that a
// running balancer needs are imported only by those that run one.

import { inspect } from 'node:util';

import { loadConfigFile, loadConfigText, type Loaded, type LoadResult } from './config/load.ts';
import { formatIssues } from './config/issue.ts';
import { writeAll } from './output.ts';

const EXIT_OK = 0;
const EXIT_USAGE = 2;

function tell(text: string): void {
  writeAll(2, text.endsWith('\n') ? text : `${text}\n`);
}

/** The config, or undefined after its problems have been told. */
function loaded(result: LoadResult): Loaded | undefined {
  if (!result.ok) {
    tell(formatIssues(result.issues));
    return undefined;
  }
  if (result.warnings.length > 0) tell(formatIssues(result.warnings, 'warning: '));
  return result;
}

export function checkConfig(file: string): number {
  const result = loaded(loadConfigFile(file));
  if (result === undefined) return EXIT_USAGE;
  const { listeners, pools } = result.config;
  writeAll(1, `${file}: good (${listeners.length} listeners, ${pools.length} pools)\n`);
  return EXIT_OK;
}

export async function printEffective(file: string): Promise<number> {
  const result = loaded(loadConfigFile(file));
  if (result === undefined) return EXIT_USAGE;
  const { effectiveConfig } = await import('./config/effective.ts');
  writeAll(1, effectiveConfig(result));
  return EXIT_OK;
}

export async function printSchema(): Promise<number> {
  const { jsonSchema } = await import('./config/reference.ts');
  writeAll(1, `${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return EXIT_OK;
}

export interface RunFlags {
  /** Reload when the file changes. */
  readonly watch: boolean;
  /** From the process that is there. */
  readonly takeOver: boolean;
}

export async function runConfig(file: string, version: string, flags: RunFlags): Promise<number> {
  const result = loaded(loadConfigFile(file));
  if (result === undefined) return EXIT_USAGE;
  const { run } = await import('./run.ts');
  const reload = (): LoadResult => loadConfigFile(file);
  const { watch, takeOver } = flags;
  return run({ config: result.config, version, reload, takeOver, ...(watch ? { watch: file } : {}) });
}

export async function doctor(file: string, json: boolean): Promise<number> {
  const result = loaded(loadConfigFile(file));
  if (result === undefined) return EXIT_USAGE;
  const { runDoctor } = await import('./doctor/doctor.ts');
  const { readHost } = await import('./doctor/read-host.ts');
  const { report, exitCode } = runDoctor({ config: result.config, host: readHost(), json });
  writeAll(1, report);
  return exitCode;
}

export async function runDemo(version: string): Promise<number> {
  const { startDemo } = await import('./demo.ts');
  const { run } = await import('./run.ts');
  const demo = await startDemo();
  const load = (): LoadResult => loadConfigText('demo.yaml', demo.config);
  const result = load();
  if (!result.ok) throw new Error(`the demo's own config is not good: ${inspect(result.issues)}`);
  const code = await run({
    config: result.config,
    version,
    reload: load,
    hint: 'try: curl http://127.0.0.1:8080/   again and again; Ctrl-C ends it',
  });
  demo.close();
  return code;
}
