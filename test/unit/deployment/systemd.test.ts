// The unit files, read by systemd itself where it is installed: nothing unknown, nothing contradictory, little exposed.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { ROOT } from '../../helpers/balancer.ts';

const UNITS = ['ultrabalancer-l4.service', 'ultrabalancer-l4.socket'];
/** In tenths, as systemd counts: 0 is nothing, 100 is all. */
const MOST_EXPOSED = '25';
const skip = spawnSync('systemd-analyze', ['--version']).status !== 0 && 'systemd-analyze is not installed';

/** Copies whose program is one that is there. */
function copies(t: TestContext): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'ub-units-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return UNITS.map((name) => {
    const text = readFileSync(join(ROOT, 'docs', 'deployment', 'systemd', name), 'utf8');
    const file = join(folder, name);
    writeFileSync(file, text.replaceAll('/usr/local/bin/ultrabalancer-l4', '/bin/true'));
    return file;
  });
}

test('systemd finds nothing to complain about', { skip }, (t) => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...copies(t)], {
    encoding: 'utf8',
  });
  // What it says of other units of this machine is none of ours.
  const ours = stderr.split('\n').filter((line) => line.includes('ultrabalancer'));
  assert.deepEqual([status, ours], [0, []], stderr);
});

test('the service is exposed to little', { skip }, (t) => {
  const [service = ''] = copies(t);
  const { status, stdout, stderr } = spawnSync(
    'systemd-analyze',
    ['security', '--no-pager', '--offline=yes', `--threshold=${MOST_EXPOSED}`, service],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout.slice(-300) + stderr);
});

test('what the service is told fits what it does', () => {
  const text = readFileSync(join(ROOT, 'docs', 'deployment', 'systemd', 'ultrabalancer-l4.service'), 'utf8');
  for (const line of [
    'Type=notify',
    'NotifyAccess=main',
    'ExecReload=/bin/kill -HUP $MAINPID',
    'KillMode=mixed',
    'RuntimeDirectory=ultrabalancer-l4',
  ])
    assert.ok(text.split('\n').includes(line), line);
});
