// Where scripts/tune-host.sh is tried: a network namespace of its own on this kernel, or a folder that looks like a
// whole machine. Neither lets it near the settings of the machine that the tests run on.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder; compiled tests lie in .build/test/e2e. */
export const PACKAGE: string = fileURLToPath(new URL('../../../', import.meta.url));
export const SCRIPT: string = join(PACKAGE, 'scripts/tune-host.sh');

export interface Item {
  readonly setting: string;
  readonly kind: string;
  readonly id: string;
  readonly status: 'ok' | 'differs' | 'set' | 'failed' | 'host' | 'absent' | 'restored' | 'left';
  readonly old: string;
  readonly want: string;
  readonly note: string;
}

export interface Report {
  readonly verb: string;
  readonly exit: number;
  readonly state: string;
  readonly error?: string;
  readonly items: readonly Item[];
  readonly notes: readonly string[];
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function runScript(
  prefix: readonly string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Ran {
  const [program = SCRIPT, ...rest] = [...prefix, SCRIPT, ...args];
  const done = spawnSync(program, rest, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

/** Runs it for JSON, which must be there and agree with the exit code. */
export function reportOf(ran: Ran): Report {
  let report: Report;
  try {
    report = JSON.parse(ran.out) as Report;
  } catch {
    throw new Error(`no JSON, exit code ${ran.code}: ${ran.out}${ran.err}`);
  }
  if (report.exit !== ran.code) throw new Error(`exit code ${ran.code}, told as ${report.exit}`);
  return report;
}

export const withStatus = (report: Report, status: Item['status']): string[] =>
  report.items.filter((item) => item.status === status).map((item) => item.id);

export function item(report: Report, id: string): Item {
  const found = report.items.filter((one) => one.id === id);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} items ${id}`);
  return found[0];
}

export function folder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tune-host-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

// --- a network namespace ---------------------------------------------------------------------------------------------

export interface Namespace {
  readonly name: string;
  /** Folders that stand for /etc and for the saved state. */
  readonly etc: string;
  readonly state: string;
  run(...command: string[]): string;
  script(...args: string[]): Ran;
  /** With --json. */
  report(...args: string[]): Report;
  sysctl(name: string): string;
  set(name: string, value: string): void;
  read(path: string): string;
  /** Every setting of the namespace and its devices, as text to compare. */
  picture(): string;
  remove(): void;
}

/** Why there can be no namespace here, or undefined. */
export function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for a network namespace';
  const name = `ub-probe-${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' });
    execFileSync(
      'ip',
      ['netns', 'exec', name, 'ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1'],
      { stdio: 'pipe' },
    );
    return undefined;
  } catch (error) {
    return `no network namespaces here: ${String(error).split('\n')[0]}`;
  } finally {
    spawnSync('ip', ['netns', 'del', name]);
  }
}

let made = 0;

const PICTURE = `
  cd /proc/sys/net && grep -rsH . core/somaxconn ipv4/tcp_* ipv4/ip_local* netfilter/nf_conntrack_tcp*
  for device in /sys/class/net/*; do
    grep -sH . $device/tx_queue_len $device/queues/*/*ps_*
    ethtool -k \${device##*/} 2>/dev/null; tc qdisc show dev \${device##*/}
  done
  true`;

/** With a pair of devices, a0 and a1, that have the given number of queues. */
export function createNamespace(queues = 1): Namespace {
  const name = `ub-host-${process.pid}-${++made}`;
  const own = folder();
  const etc = join(own.path, 'etc');
  const state = join(own.path, 'state');
  mkdirSync(join(etc, 'sysctl.d'), { recursive: true });
  const env = { TUNE_HOST_ETC: etc, TUNE_HOST_STATE: state };
  const inside = ['ip', 'netns', 'exec', name];
  const run = (...command: string[]): string =>
    execFileSync('ip', ['netns', 'exec', name, ...command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
  const remove = (): void => {
    spawnSync('ip', ['netns', 'del', name]);
    own.remove();
  };
  const script = (...args: string[]): Ran => runScript(inside, args, env);
  const many = ['numrxqueues', String(queues), 'numtxqueues', String(queues)];
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' });
    run('ip', 'link', 'add', 'a0', ...many, 'type', 'veth', 'peer', 'name', 'a1', ...many);
    run('ip', 'link', 'set', 'a0', 'up');
    run('ip', 'link', 'set', 'a1', 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    name,
    etc,
    state,
    run,
    script,
    report: (...args) => reportOf(script('--json', ...args)),
    sysctl: (key) => run('sysctl', '-n', key).trim().replaceAll('\t', ' '),
    set: (key, value) => void run('sysctl', '-qw', `${key}=${value}`),
    read: (path) => run('cat', path).trim(),
    picture: () => run('bash', '-c', PICTURE),
    remove,
  };
}

// --- a folder that looks like a machine ------------------------------------------------------------------------------

export type Tree = Record<string, string>;

export interface Machine {
  readonly root: string;
  write(files: Tree): void;
  read(path: string): string;
  exists(path: string): boolean;
  script(...args: string[]): Ran;
  report(...args: string[]): Report;
  /** Every file with its mode and text, to compare. */
  picture(): string;
  remove(): void;
}

const sysctl = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;
const pathOf = (name: string): string => (name.startsWith('/') ? name : sysctl(name));

/** Text that begins with `#!` becomes a program. Names without `/` are kernel settings. */
export function createMachine(files: Tree): Machine {
  const own = folder();
  const root = own.path;
  function write(tree: Tree): void {
    for (const [name, content] of Object.entries(tree)) {
      const path = root + pathOf(name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content.endsWith('\n') ? content : `${content}\n`);
      if (content.startsWith('#!')) chmodSync(path, 0o755);
    }
  }
  write(files);
  const script = (...args: string[]): Ran => runScript([], ['--root', root, ...args]);
  return {
    root,
    write,
    read: (name) => readFileSync(root + pathOf(name), 'utf8').trim(),
    exists: (name) => existsSync(root + pathOf(name)),
    script,
    report: (...args) => reportOf(script('--json', ...args)),
    picture: () => pictureOf(root, '').join('\n'),
    remove: own.remove,
  };
}

function pictureOf(root: string, path: string): string[] {
  const at = root + path;
  const stat = lstatSync(at);
  if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(at)}`];
  if (!stat.isDirectory())
    return [`${path} ${(stat.mode & 0o777).toString(8)} ${JSON.stringify(readFileSync(at, 'utf8'))}`];
  return [
    path,
    ...readdirSync(at)
      .sort()
      .flatMap((name) => pictureOf(root, `${path}/${name}`)),
  ];
}
