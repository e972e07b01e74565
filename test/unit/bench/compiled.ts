// The harness is a program of its own, compiled beside the tests. Its modules are loaded from there by name; where it is
// not compiled, tests that need it are skipped and say how to compile it.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../../../bench/', import.meta.url);

/** For `describe(name, { skip }, …)`. */
export const skip: string | false = existsSync(new URL('run.js', folder))
  ? false
  : 'bench is not compiled: npx tsc -b bench';

/** A module of the harness; an empty one where tests are skipped. `T` says what is used of it. */
export async function load<T>(module: string): Promise<T> {
  return skip === false ? ((await import(new URL(module, folder).href)) as T) : ({} as T);
}

export function benchFile(name: string): string {
  return fileURLToPath(new URL(name, folder));
}

/** The package's own folder. */
export const root: string = fileURLToPath(new URL('../../', folder));
