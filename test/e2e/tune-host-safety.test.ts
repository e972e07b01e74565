// When scripts/tune-host.sh must not change anything: asked only to look, not root, nowhere to save, another one at work,
// a command line that makes no sense.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import {
  createNamespace,
  folder,
  item,
  type Namespace,
  noNamespaces,
  PACKAGE,
  reportOf,
  runScript,
  SCRIPT,
  withStatus,
} from './tune-host-lab.ts';

const skip = noNamespaces() ?? false;
const namespaces: Namespace[] = [];
after(() => namespaces.forEach((namespace) => namespace.remove()));

function make(queues?: number): Namespace {
  const namespace = createNamespace(queues);
  namespaces.push(namespace);
  return namespace;
}

const ONLY = ['--only-namespace', '--interface', 'a0', '--interface', 'a1'];

describe('looking only', { skip }, () => {
  it('check and --dry-run change nothing', () => {
    const namespace = make(2);
    const before = namespace.picture();
    const checked = namespace.report('check', ...ONLY);
    assert.equal(checked.exit, 3);
    assert.ok(withStatus(checked, 'differs').includes('net.ipv4.tcp_fin_timeout'));
    const dry = namespace.report('--dry-run', ...ONLY);
    assert.deepEqual([dry.exit, dry.items], [0, checked.items]);
    assert.equal(namespace.picture(), before);
    assert.ok(!existsSync(namespace.state));
    namespace.report(...ONLY);
    assert.equal(namespace.report('check', ...ONLY).exit, 0);
  });

  it('needs no root; changing does', () => {
    const namespace = make();
    const before = namespace.picture();
    const nobody = [
      'ip',
      'netns',
      'exec',
      namespace.name,
      'setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
    ];
    const env = { TUNE_HOST_ETC: namespace.etc, TUNE_HOST_STATE: namespace.state };
    const checked = runScript(nobody, ['check', ...ONLY], env);
    assert.equal(checked.code, 3, checked.err);
    assert.match(checked.out, /net\.ipv4\.tcp_fin_timeout: 60 -> 15/);
    for (const verb of ['apply', 'revert']) {
      const refused = runScript(nobody, [verb, ...ONLY], env);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /needs root/);
    }
    assert.equal(namespace.picture(), before);
  });

  it('tells people old, new and why', () => {
    const { out } = make().script('check', ...ONLY);
    assert.match(out, /^ {2}net\.ipv4\.tcp_tw_reuse: 2 -> 1\n {6}Lets a new connection/m);
    assert.match(out, /^ {2}a0 txqueuelen: \d+ -> 5000$/m);
  });
});

describe('when old values cannot be saved', { skip }, () => {
  it('nothing is touched', () => {
    const namespace = make();
    const before = namespace.picture();
    writeFileSync(namespace.state, 'a file where a folder should be');
    const refused = namespace.script(...ONLY);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /cannot be saved/);
    assert.equal(namespace.picture(), before);
  });

  it('nor while another one is at work', async () => {
    const namespace = make();
    const before = namespace.picture();
    mkdirSync(namespace.state, { recursive: true });
    const holder = spawn('flock', [join(namespace.state, 'lock'), 'sh', '-c', 'echo held; read end'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    try {
      const refused = namespace.report(...ONLY);
      assert.deepEqual([refused.exit, refused.error], [1, 'another tune-host.sh is at work']);
      assert.equal(namespace.picture(), before);
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
  });

  it('a damaged state is not guessed at', () => {
    const namespace = make();
    const { state } = namespace.report(...ONLY);
    writeFileSync(state, 'nonsense\tx\t<1>\t<2>\n');
    const refused = namespace.script('revert');
    assert.equal(refused.code, 2);
    assert.match(refused.err, /damaged/);
  });
});

describe('in a container', { skip }, () => {
  it('that has /proc/sys read-only, tells what it could not set and leaves nothing behind', () => {
    const namespace = make();
    const before = namespace.picture();
    const readOnly = 'mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec "$@"';
    const inside = ['ip', 'netns', 'exec', namespace.name, 'unshare', '-m', 'sh', '-c', readOnly, '-'];
    const env = { TUNE_HOST_ETC: namespace.etc, TUNE_HOST_STATE: namespace.state };
    const applied = reportOf(runScript(inside, ['--json', '--interface', 'none'], env));
    assert.equal(applied.exit, 3);
    assert.deepEqual(withStatus(applied, 'set'), []);
    assert.match(item(applied, 'net.ipv4.tcp_fin_timeout').note, /Read-only file system/);
    assert.equal(namespace.picture(), before);
    assert.ok(!existsSync(namespace.state));
  });

  it('without root outside, sets what is its own and puts it back', (t) => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'unshare', '-Urn'];
    if (spawnSync('setpriv', [...nobody.slice(1), 'true']).status !== 0)
      return t.skip('no user namespaces here');
    const own = folder();
    try {
      chmodSync(own.path, 0o777);
      const env = { TUNE_HOST_ETC: own.path, TUNE_HOST_STATE: join(own.path, 'state') };
      const script = `"$0" --json --interface none; echo $?; cat /proc/sys/net/ipv4/tcp_fin_timeout
        "$0" revert >/dev/null; echo $?; cat /proc/sys/net/ipv4/tcp_fin_timeout`;
      const ran = spawnSync('setpriv', [...nobody.slice(1), 'bash', '-c', script, SCRIPT], {
        env: { ...process.env, ...env },
        encoding: 'utf8',
      });
      assert.deepEqual(
        ran.stdout.trim().split('\n').slice(-4),
        ['3', '15', '0', '60'],
        ran.stdout + ran.stderr,
      );
    } finally {
      own.remove();
    }
  });
});

describe('the script itself', () => {
  it(
    'is clean by shellcheck',
    { skip: spawnSync('shellcheck', ['--version']).error !== undefined && 'shellcheck is not installed' },
    () => {
      const parts = readdirSync(join(PACKAGE, 'scripts/tune-host')).map((name) =>
        join(PACKAGE, 'scripts/tune-host', name),
      );
      const checked = spawnSync('shellcheck', ['-x', SCRIPT, ...parts], { encoding: 'utf8' });
      assert.equal(checked.status, 0, checked.stdout);
    },
  );

  for (const [args, words] of [
    [['--interface'], /needs a value/],
    [['--worker-cpus', '0,x'], /no list of CPUs/],
    [['--interface', '../../etc'], /no name of a device/],
    [['apply', 'revert'], /one verb/],
    [['--no-such'], /no such verb or option/],
    [['revert', '--dry-run'], /no --dry-run/],
    [['check', '--settings', '/nonexistent'], /cannot read the settings/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      const { code, err } = runScript([], args);
      assert.equal(code, 2);
      assert.match(err, words);
    });
  }
});
