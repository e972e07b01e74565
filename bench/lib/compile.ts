// Builds the harness's own C++ programs, once, and again when a source is newer. No build system: one compiler call.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { buildFolder, root } from './paths.ts';

export type Built =
  { readonly ok: true; readonly file: string } | { readonly ok: false; readonly note: string };

const run = promisify(execFile);

async function compile(
  name: string,
  sources: readonly string[],
  watched: readonly string[],
  flags: readonly string[],
): Promise<Built> {
  const file = join(buildFolder, name);
  mkdirSync(buildFolder, { recursive: true });
  const newest = Math.max(...watched.map((source) => statSync(source).mtimeMs));
  if (existsSync(file) && statSync(file).mtimeMs > newest) return { ok: true, file };
  try {
    await run(process.env['CXX'] ?? 'g++', ['-std=c++20', '-O2', ...flags, '-o', file, ...sources]);
    return { ok: true, file };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return {
      ok: false,
      note: `${name} cannot be compiled: ${(stderr ?? message).split('\n').find((line) => line !== '') ?? message}`,
    };
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(folder, name));
}

/** The load generator, static: it needs nothing at run time. */
export function compileGenerator(): Promise<Built> {
  const files = filesIn(join(root, 'bench', 'load'));
  return compile(
    'load',
    files.filter((file) => file.endsWith('.cc')),
    files,
    ['-static'],
  );
}

/** The product's own picker, called in a loop: the sources are the ones of the data plane. */
export function compilePickBench(): Promise<Built> {
  const native = join(root, 'native');
  const sources = [
    join(root, 'bench', 'micro', 'pick.cc'),
    join(native, 'proxy', 'picker.cc'),
    join(native, 'proxy', 'picker_least.cc'),
    join(native, 'net', 'address.cc'),
  ];
  if (!sources.every((source) => existsSync(source))) {
    return Promise.resolve({ ok: false, note: 'the data plane has other files than this expects' });
  }
  const watched = [...sources, ...filesIn(join(native, 'proxy')), ...filesIn(join(native, 'base'))];
  return compile('pick', sources, watched, ['-fno-exceptions', '-fno-rtti', '-D_GNU_SOURCE', `-I${native}`]);
}
