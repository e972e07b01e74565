// Makes sure that there is a native addon for this machine: one that loads is kept, else it is built with what there is:
// cmake (through cmake-js), or python3 and make (through node-gyp), or make alone. Says what it chose and why.
//   node scripts/install.js           when a package manager installs the package
//   node scripts/install.js --build   builds in any case; --with cmake|gyp|make chooses the way
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const binary = join(root, 'build', 'Release', 'ultrabalancer_l4.node');
const say = (text) => console.log(`ultrabalancer-l4: ${text}`);

function has(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  return result.status === 0;
}

function resolved(name) {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

/** node-gyp as npm brings it. */
function nodeGyp() {
  const own = process.env.npm_config_node_gyp;
  if (own && existsSync(own)) return own;
  const npm = spawnSync('npm', ['root', '-g'], { encoding: 'utf8' }).stdout?.trim();
  const bundled = npm ? join(npm, 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js') : '';
  return existsSync(bundled) ? bundled : undefined;
}

/** Headers that came with this Node need no download. */
function ownHeaders() {
  const prefix = join(dirname(process.execPath), '..');
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

const ways = {
  cmake: {
    possible: () => has('cmake') && resolved('cmake-js/package.json') !== undefined,
    build: () =>
      run(process.execPath, [
        join(dirname(resolved('cmake-js/package.json')), 'bin', 'cmake-js'),
        'compile',
        '-O',
        'build',
      ]),
  },
  gyp: {
    possible: () => has('python3') && has('make') && nodeGyp() !== undefined,
    build: () => run(process.execPath, [nodeGyp(), 'rebuild', ...ownHeaders()]),
  },
  make: {
    possible: () => has('make') && has('g++'),
    build() {
      mkdirSync(dirname(binary), { recursive: true });
      return run('make', ['-s', '-j2', '-f', 'native/Makefile', `ADDON=${binary}`, 'addon']);
    },
  },
};

/** Every source older than the binary: nothing to do. */
function isFresh() {
  if (!existsSync(binary)) return false;
  const made = statSync(binary).mtimeMs;
  const lists = ['sources.txt', 'addon_sources.txt'].flatMap((name) =>
    readFileSync(join(root, 'native', name), 'utf8')
      .trim()
      .split('\n'),
  );
  return lists.every((file) => statSync(join(root, file)).mtimeMs <= made);
}

function loads(file) {
  const check = `process.exit(require(${JSON.stringify(file)}).abi ? 0 : 1)`;
  return existsSync(file) && spawnSync(process.execPath, ['-e', check], { stdio: 'ignore' }).status === 0;
}

function main(args) {
  if (!args.includes('--build')) {
    const prebuilt = join(root, 'prebuilds', `${process.platform}-${process.arch}.node`);
    if (loads(prebuilt)) return say(`prebuilt addon ${prebuilt} fits`);
    if (isFresh() && loads(binary)) return say('the addon is built already');
  }
  const wanted = args[args.indexOf('--with') + 1];
  const names = args.includes('--with') ? [wanted] : Object.keys(ways);
  for (const name of names) {
    if (!(name in ways) || !ways[name].possible()) continue;
    say(`building the addon with ${name}`);
    if (!ways[name].build()) break;
    if (loads(binary)) return say(`built ${binary}`);
    say(`${binary} was built but does not load`);
    break;
  }
  say('no addon: it takes a C++20 compiler (g++ 12 or later) and cmake, or python3 and make, or make');
  process.exitCode = 1;
}

main(process.argv.slice(2));
