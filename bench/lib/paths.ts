// Where things are, seen from the compiled program in .build/bench.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The package's own folder. */
export const root: string = findRoot();
/** What the harness builds; never committed. */
export const buildFolder: string = join(root, '.build', 'bench');
export const resultsFolder: string = join(root, 'bench', 'results');
export const publishedPage: string = join(root, 'docs', 'benchmarks.md');
export const publishedChart: string = join(root, 'docs', 'benchmarks.svg');
