// Finds the addon's binary and loads it. Collects what went wrong on the way, and ends with advice, not a stack trace.

import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BINDING_ABI, type Binding } from './binding.ts';

export type LoadedBinding =
  | { readonly ok: true; readonly binding: Binding; readonly file: string }
  | { readonly ok: false; readonly message: string };

/** The package's own folder: the nearest one above that has a package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/**
 * ULTRABALANCER_NATIVE names a binary and nothing else is tried; else a debug build, a release build, a prebuilt one.
 */
export function loadBinding(env: NodeJS.ProcessEnv = process.env): LoadedBinding {
  const root = packageRoot();
  const candidates = env['ULTRABALANCER_NATIVE']
    ? [env['ULTRABALANCER_NATIVE']]
    : [
        join(root, 'build', 'Debug', 'ultrabalancer_l4.node'),
        join(root, 'build', 'Release', 'ultrabalancer_l4.node'),
        join(root, 'prebuilds', `${process.platform}-${process.arch}.node`),
      ];
  const require = createRequire(import.meta.url);
  const problems: string[] = [];
  for (const file of candidates) {
    if (!existsSync(file)) {
      problems.push(`${file}: not there`);
      continue;
    }
    try {
      const binding = require(file) as Binding;
      if (binding.abi === BINDING_ABI) return { ok: true, binding, file };
      problems.push(
        `${file}: made for another version of this package (abi ${binding.abi}, wanted ${BINDING_ABI})`,
      );
    } catch (error) {
      problems.push(`${file}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  return {
    ok: false,
    message: [
      'the native addon cannot be loaded:',
      ...problems.map((problem) => `  ${problem}`),
      'build it with: npm run build:native   (needs a C++20 compiler, and cmake or python3 with make)',
    ].join('\n'),
  };
}
