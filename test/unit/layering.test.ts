// Who may know whom, read from the sources: includes point down only, imports follow the arrows of ARCHITECTURE.md, no
// file outgrows one sitting, and the three ways to build the addon agree on what makes it the same addon.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

function files(folder: string, ...endings: string[]): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const LAYERS = ['base', 'net', 'proxy', 'addon'];

test('native includes never point upwards, and the addon alone sees napi.h', () => {
  const sources = files('native', '.h', '.cc').filter((file) => LAYERS.includes(file.split('/')[1] ?? ''));
  assert.ok(sources.length > 30, `only ${sources.length} native sources found`);
  for (const file of sources) {
    const layer = LAYERS.indexOf(file.split('/')[1] ?? '');
    for (const [, included = ''] of read(file).matchAll(/^\s*#\s*include\s+["<]([^">]+)[">]/gm)) {
      const theirs = LAYERS.indexOf(included.split('/')[0] ?? '');
      if (theirs !== -1) assert.ok(theirs <= layer, `${file} includes ${included}, which is above it`);
      if (/^(napi|node_api|js_native_api|v8|uv|node)\b.*\.h$/.test(included)) {
        assert.equal(file, 'native/addon/napi_setup.h', `${file} includes ${included}`);
      }
    }
  }
});

interface Import {
  readonly from: string;
  /** A file below src/, or a package. */
  readonly what: string;
  /** Erased before anything runs. */
  readonly typeOnly: boolean;
}

const IMPORT =
  /^(?:import|export)\s+(type\s)?([^;]*?)\s*from\s+'([^']+)';|\bimport\(\s*'([^']+)'\s*\)|^import '([^']+)';/gms;

function imports(): Import[] {
  const found: Import[] = [];
  for (const file of files('src', '.ts')) {
    for (const [, type, names = '', named, dynamic, bare] of read(file).matchAll(IMPORT)) {
      const target = named ?? dynamic ?? bare ?? '';
      const inner = /^\{([^]*)\}$/
        .exec(names.trim())?.[1]
        ?.split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
      found.push({
        from: relative('src', file),
        what: target.startsWith('.') ? join(dirname(relative('src', file)), target) : target,
        typeOnly:
          type !== undefined ||
          (inner !== undefined && inner.length > 0 && inner.every((name) => name.startsWith('type '))),
      });
    }
  }
  return found;
}

const all = imports();
const ours = all.filter(({ what }) => what.endsWith('.ts'));

function allow(name: string, from: (file: string) => boolean, may: (i: Import) => boolean): void {
  test(name, () => {
    const those = ours.filter((i) => from(i.from));
    assert.ok(
      those.length > 0 || !all.some((i) => from(i.from)),
      'no such file imports anything: has it moved?',
    );
    for (const i of those)
      assert.ok(may(i), `src/${i.from} imports ${i.typeOnly ? 'types of ' : ''}src/${i.what}`);
  });
}

const inFolder =
  (folder: string) =>
  (file: string): boolean =>
    file.startsWith(`${folder}/`);
/** The mouths of the program: they may know how it is put together; so may embed/, the mouth for other programs. */
const MOUTHS = ['cli.ts', 'commands.ts', 'run.ts', 'index.ts', 'demo.ts'];

test('every import of ours is found in a file that is there', () => {
  assert.ok(ours.length > 80, `only ${ours.length} imports found`);
  const there = new Set(files('src', '.ts').map((file) => relative('src', file)));
  for (const { from, what } of ours)
    assert.ok(there.has(what), `src/${from} imports ${what}, which is not there`);
});

allow(
  'the engine contract imports nothing of ours',
  (file) => file === 'engine/engine.ts',
  () => false,
);
allow(
  'balancing knows its own files, and types',
  inFolder('balance'),
  (i) => i.typeOnly || i.what.startsWith('balance/'),
);
allow(
  'the rise and fall machine imports nothing of ours but types',
  (file) => file === 'health/state.ts',
  (i) => i.typeOnly,
);
allow(
  'the snapshot is made of config types, plans and engine types alone',
  inFolder('snapshot'),
  (i) => i.typeOnly || i.what.startsWith('snapshot/') || i.what.startsWith('balance/'),
);
allow('config knows nobody outside itself', inFolder('config'), (i) => i.what.startsWith('config/'));
allow(
  'parts do not know the orchestrator but by type, nor the mouths at all',
  (file) => !MOUTHS.includes(file) && file.includes('/') && !/^(admin|embed|explain|doctor)\//.test(file),
  (i) => (i.typeOnly || i.what !== 'balancer.ts') && !MOUTHS.includes(i.what),
);
test('nothing but the mouths and tests makes a native engine', () => {
  const users = ours.filter(({ what }) => what === 'engine/native.ts').map(({ from }) => from);
  assert.ok(users.length > 0);
  for (const user of users)
    assert.ok(MOUTHS.includes(user) || user.startsWith('embed/'), `src/${user} imports engine/native.ts`);
});
test('the orchestrator is handed its parts: it makes no engine, probe or server itself', () => {
  const made = ours.filter((i) => i.from === 'balancer.ts' && !i.typeOnly).map(({ what }) => what);
  for (const what of made)
    assert.ok(!/^(engine|health|metrics|discovery|log)\b/.test(what), `src/balancer.ts imports ${what}`);
});

test('no source file outgrows 400 lines', () => {
  const sources = [...files('src', '.ts'), ...files('native', '.cc', '.h')];
  const long = sources.filter((file) => read(file).split('\n').length > 401);
  assert.deepEqual(long, []);
});

test('the source lists name every source, once', () => {
  const listed = (file: string): string[] => read(file).trim().split('\n');
  const core = ['base', 'net', 'proxy'].flatMap((layer) => files(`native/${layer}`, '.cc'));
  assert.deepEqual(listed('native/sources.txt').sort(), core.sort());
  assert.deepEqual(listed('native/addon_sources.txt').sort(), files('native/addon', '.cc'));
});

test('cmake, gyp and make build the same addon', () => {
  const builds = {
    'CMakeLists.txt': read('CMakeLists.txt'),
    'binding.gyp': read('binding.gyp'),
    'native/Makefile': read('native/Makefile'),
  };
  for (const [name, text] of Object.entries(builds)) {
    const standard = /CMAKE_CXX_STANDARD (\d+)/.exec(text)?.[1] ?? /-std=c\+\+(\d+)/.exec(text)?.[1];
    assert.equal(standard, '20', `${name}: C++ standard`);
    assert.equal(/NAPI_VERSION=(\d+)/.exec(text)?.[1], '9', `${name}: NAPI_VERSION`);
    for (const flag of ['-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '_GNU_SOURCE', '-O2']) {
      assert.ok(text.includes(flag), `${name} has no ${flag}`);
    }
    for (const list of ['native/sources.txt', 'native/addon_sources.txt']) {
      assert.ok(text.includes(list), `${name} does not read ${list}`);
    }
    assert.doesNotMatch(text, /-march=native|-ffast-math|-Ofast/, name);
  }
  const declared = (JSON.parse(read('package.json')) as { binary: { napi_versions: number[] } }).binary
    .napi_versions;
  assert.deepEqual(declared, [9]);
});
