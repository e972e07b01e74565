import assert from 'node:assert/strict';
import { test } from 'node:test';
import { banner } from '#src/banner.js';
import { loadConfigText } from '#src/config/load.js';

function lines(admin: object): string[] {
  const text = JSON.stringify({ listen: 8080, backends: [{ host: '127.0.0.1', port: 1 }], admin });
  const loaded = loadConfigText('/etc/lb.yaml', text, { exists: () => true });
  assert.ok(loaded.ok);
  return banner(loaded.config, [0], 64, '1.2.3')
    .split('\n')
    .filter((line) => /admin|dashboard/.test(line));
}

test('it tells where the admin interface and the page are, where there are any', () => {
  assert.deepEqual(lines({}), []);
  assert.deepEqual(lines({ socket: 'a.sock' }), ['  admin: /etc/a.sock (ultrabalancer-l4 ctl, top)']);
  const tcp = { host: '::1', port: 9091, token_file: 'token' };
  assert.deepEqual(lines(tcp), ['  dashboard: http://[::1]:9091/ (asks for the token)']);
  assert.deepEqual(lines({ ...tcp, dashboard: false }), ['  admin: [::1]:9091 (with the token)']);
});
