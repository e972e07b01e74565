// A config that was changed while it runs, held to the rules that a file is held to. Of files that it names nothing is
// asked again: they were there when it was loaded.

import type { Config } from './config.ts';
import { createOrigins } from './origins.ts';
import { rules } from './rules.ts';

/** What is wrong with it, a line each; empty when nothing is. */
export function recheck(config: Config): readonly string[] {
  const problems: string[] = [];
  const context = {
    config,
    origins: createOrigins(),
    exists: () => true,
    error: (_path: unknown, message: string) => void problems.push(message),
    warn: () => undefined,
  };
  for (const rule of rules) rule(context);
  return problems;
}
