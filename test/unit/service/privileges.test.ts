// Whether a process can be who its config says, decided before anything is opened.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { intentOf, outOfReach } from '#src/service/privileges.js';

const calls = {
  account(user: string) {
    if (user === 'lb') return { user: 900, group: 901, name: 'lb' };
    if (user === 'root') return { user: 0, group: 0, name: 'root' };
    if (user === '5000') return { user: 5000, group: 5000, name: '' };
    throw new Error('ENOENT');
  },
  group(name: string) {
    if (name === 'web') return 77;
    throw new Error('ENOENT');
  },
};
const intent = (
  user: string,
  group: string,
  self: { user: number; group: number },
): ReturnType<typeof intentOf> => intentOf({ user, group }, self, calls);
const ROOT = { user: 0, group: 0 };

test('root becomes the user, with its own group or another', () => {
  assert.deepEqual(intent('lb', '', ROOT), { ok: true, becomes: { user: 900, group: 901, name: 'lb' } });
  assert.deepEqual(intent('lb', 'web', ROOT), { ok: true, becomes: { user: 900, group: 77, name: 'lb' } });
  assert.deepEqual(intent('5000', '', ROOT), { ok: true, becomes: { user: 5000, group: 5000, name: '' } });
});

test('nothing changes where no user is named, or it is the one that it is', () => {
  for (const self of [ROOT, { user: 900, group: 901 }])
    assert.deepEqual(intent('', '', self), { ok: true, becomes: undefined });
  assert.deepEqual(intent('lb', '', { user: 900, group: 901 }), { ok: true, becomes: undefined });
  assert.deepEqual(intent('root', '', ROOT), { ok: true, becomes: undefined });
});

test('what cannot be is told with what to do', () => {
  const told = (...args: Parameters<typeof intent>): string => {
    const answer = intent(...args);
    return answer.ok ? '' : answer.message;
  };
  assert.match(
    told('lb', '', { user: 12, group: 12 }),
    /runs as user 12 and cannot become lb: start it as root/,
  );
  assert.match(told('nobody-here', '', ROOT), /there is no user nobody-here/);
  assert.match(told('lb', 'none', ROOT), /there is no group none/);
});

test('what is out of reach is named', () => {
  assert.deepEqual(outOfReach('/etc/hostname', []), []);
  assert.match(outOfReach('/nowhere/lb.yaml', [])[0] ?? '', /cannot be read any more/);
  assert.match(outOfReach('', ['/nowhere/lb.log'])[0] ?? '', /\/nowhere cannot be written to any more/);
});
