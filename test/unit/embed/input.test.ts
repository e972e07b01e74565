// What an embedded balancer takes as its config besides what the file layer judges.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { loadInput } from '#src/embed/input.js';

const SMALL = { listen: 8080, backends: [{ host: '192.0.2.1', port: 80 }] };

describe('the config of an embedded balancer', () => {
  it('is what a file may say', () => {
    assert.ok(loadInput(SMALL).ok);
  });

  it('opens no admin interface, and says so', () => {
    const loaded = loadInput({ ...SMALL, admin: { socket: '/run/lb.sock' } });
    assert.ok(!loaded.ok);
    assert.match(loaded.issues[0]?.message ?? '', /no admin interface/);
  });

  it('hands over to nobody and becomes nobody, and says so', () => {
    for (const [more, said] of [
      [{ upgrade: { socket: '/run/up.sock' } }, /hands over to nobody/],
      [{ user: 'nobody' }, /whoever the program around it is/],
    ] as const) {
      const loaded = loadInput({ ...SMALL, ...more });
      assert.ok(!loaded.ok);
      assert.match(loaded.issues[0]?.message ?? '', said);
    }
  });
});
