// What one key asks of another: what is refused, what is warned of, and what is left alone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfigText } from '#src/config/load.js';
import { BASE, FILE, config, load, refused, warned } from './support.ts';

/** A full-form text of these listeners and pools, in flow style. */
function full(listeners: string, pools: string, rest = ''): string {
  return `listeners: { ${listeners} }\npools: { ${pools} }\n${rest}`;
}
const POOL = 'p: { backends: [ { host: a, port: 1 } ] }';

describe('pools', () => {
  it('have to be there', () => {
    refused(
      full('web: { listen: 80, pool: «apq» }', 'app: { backends: [ { host: a, port: 1 } ] }'),
      "listener 'web': there is no pool 'apq'; did you mean 'app'?",
    );
    refused(
      full('web: { listen: 80, pool: «x» }', POOL),
      "listener 'web': there is no pool 'x'; did you mean 'p'?",
    );
  });

  it('are warned of when no listener uses them', () => {
    warned(
      full('web: { listen: 80, pool: p }', `${POOL}, «idle»: { backends: [ { host: a, port: 1 } ] }`),
      "no listener uses the pool 'idle'",
    );
  });

  it('need a backend that takes sessions', () => {
    const text =
      'listen: 80\nbackends: «[ { host: a, port: 1, weight: 0 }, { host: b, port: 1, weight: 0 } ]»\n';
    refused(text, "every backend of the pool 'default' has weight 0: none may take a session");
    config(text.replace(/[«»]/g, '').replace('weight: 0', 'weight: 1'));
  });
});

describe('backends', () => {
  const again = "the backend 'a:1' comes twice in a pool; the first is number 1";
  it('come once in a pool', () => {
    refused(
      'listen: 80\nbackends:\n  - { host: a, port: 1 }\n  - «{ host: a, port: 1, weight: 2 }»\n',
      again,
    );
  });

  it('are the same however they are spelled', () => {
    refused(
      'listen: 80\nbackends: [ { host: a, port: 1 }, «{ host: A., port: 1 }» ]\n',
      /'A\.:1' comes twice/,
    );
    refused(
      'listen: 80\nbackends: [ { host: "::1", port: 1 }, «{ host: "0:0::1", port: 1 }» ]\n',
      /comes twice/,
    );
  });

  it('differ by port, and may come again in another pool', () => {
    config('listen: 80\nbackends: [ { host: a, port: 1 }, { host: a, port: 2 } ]\n');
    config(
      full(
        'w: { listen: 80, pool: p }, x: { listen: 81, pool: q }',
        `${POOL}, q: { backends: [ { host: a, port: 1 } ] }`,
      ),
    );
  });
});

describe('logs', () => {
  it('have a file each', () => {
    refused(
      `${BASE}log: { file: all.log, access: { file: «./all.log» } }\n`,
      'the access log needs a file of its own: log.file has this one',
    );
    config(`${BASE}log: { file: all.log, access: { file: access.log } }\n`);
    config(`${BASE}log: { access: { file: '' } }\n`);
  });
});

describe('limits that belong together', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['buffer_size: «128KiB»', 'buffer_size is above max_buffer_size'],
    ['max_buffer_size: «4KiB»', 'buffer_size is above max_buffer_size'],
    ['buffer_size: «32KiB»\nmax_buffer_size: 16KiB', 'buffer_size is above max_buffer_size'],
    ['connection_pool: { min_size: «5» }', 'min_size is above max_size'],
    ['connection_pool: { max_size: 4, min_size: «5» }', 'min_size is above max_size'],
    ['dns: { min_ttl: «10m» }', 'min_ttl is above max_ttl'],
    ['dns: { max_ttl: «1s» }', 'min_ttl is above max_ttl'],
    ['health_checks: { interval: 1s, fast_interval: «2s» }', 'fast_interval is above interval'],
  ];
  for (const [line, message] of rows)
    it(line.replace(/[«»\n]/g, ' '), () => refused(`${BASE}${line}\n`, message));

  it('may be equal', () => {
    config(
      `${BASE}buffer_size: 16KiB\nmax_buffer_size: 16KiB\nconnection_pool: { min_size: 5, max_size: 5 }\n`,
    );
  });
});

describe('health checks', () => {
  it('warn of a timeout above the interval, when somebody set it', () => {
    warned(
      `${BASE}health_checks: { interval: 1s, timeout: «2s» }\n`,
      'health_checks.timeout is above interval: a slow probe delays the next one',
    );
    assert.deepEqual(load(`${BASE}health_checks: { interval: 1s }\n`).warnings, []);
  });

  it('warn of keys that only http reads', () => {
    for (const setting of ['path: «/alive»', 'expected_status: «200»', 'host: «example»']) {
      const name = setting.slice(0, setting.indexOf(':'));
      warned(
        `${BASE}health_checks: { ${setting} }\n`,
        `health_checks.${name} needs check_type: http; it is tcp`,
      );
    }
    assert.deepEqual(
      load(`${BASE}health_checks: { check_type: http, path: /alive, host: example }\n`).warnings,
      [],
    );
  });

  it('leave defaults alone that somebody spelled out', () => {
    assert.deepEqual(
      load(`${BASE}health_checks: { path: /health, expected_status: 200-399, cache: 0 }\n`).warnings,
      [],
    );
  });

  it('leave everything alone when they are off', () => {
    assert.deepEqual(
      load(
        `${BASE}health_checks: { enabled: false, path: /alive, command: [ x ], interval: 1, timeout: 2 }\n`,
      ).warnings,
      [],
    );
  });

  it('refuse keys of custom checks elsewhere', () => {
    refused(
      `${BASE}health_checks: { command: «[ x ]» }\n`,
      'health_checks.command needs check_type: custom; it is tcp',
    );
    refused(
      `${BASE}health_checks: { check_type: http, module: «a.js» }\n`,
      'health_checks.module needs check_type: custom; it is http',
    );
    refused(
      `${BASE}health_checks: { cache: «30» }\n`,
      'health_checks.cache needs check_type: custom; it is tcp',
    );
  });

  it('of the top level need one pool that reads them', () => {
    const two = (checks: string): string =>
      full(
        'w: { listen: 80, pool: p }, x: { listen: 81, pool: q }',
        `${POOL}, q: { health_checks: { ${checks} }, backends: [ { host: a, port: 1 } ] }`,
        'health_checks: { command: [ x ] }\n',
      );
    assert.deepEqual(load(two('check_type: custom')).warnings, []);
    refused(
      two('check_type: tcp').replace('command: [ x ]', 'command: «[ x ]»'),
      'health_checks.command needs check_type: custom; it is tcp',
    );
  });

  it('of one kind are a command or a module', () => {
    refused(
      `${BASE}health_checks: { check_type: «custom» }\n`,
      'health_checks.check_type custom needs a command or a module',
    );
    refused(
      `${BASE}health_checks: { check_type: custom, command: [ x ], module: «y.js» }\n`,
      /has both command and module/,
    );
    config(`${BASE}health_checks: { check_type: custom, command: [ x ] }\n`);
  });

  it('need their files', () => {
    const without = { exists: (file: string) => file === '/etc/balancer/there.js' };
    refused(
      `${BASE}health_checks: { check_type: custom, module: «gone.js» }\n`,
      "there is no file '/etc/balancer/gone.js'",
      without,
    );
    refused(
      `${BASE}health_checks: { check_type: custom, command: «[ ./gone ]» }\n`,
      "there is no file '/etc/balancer/gone'",
      without,
    );
    assert.ok(
      loadConfigText(FILE, `${BASE}health_checks: { check_type: custom, module: there.js }\n`, without).ok,
    );
    assert.ok(
      loadConfigText(FILE, `${BASE}health_checks: { check_type: custom, command: [ in-path ] }\n`, without)
        .ok,
    );
  });
});

describe('addresses', () => {
  it('are listened on once', () => {
    refused(
      'listen: «[ 127.0.0.1:80, 127.0.0.1:80 ]»\nbackends: [ { host: a, port: 1 } ]\n',
      '127.0.0.1:80 is listened on already: as 127.0.0.1:80',
    );
    refused(
      'listen: «[ 80, 127.0.0.1:80 ]»\nbackends: [ { host: a, port: 1 } ]\n',
      '127.0.0.1:80 is listened on already: as [::]:80, which is every address of both families',
    );
    refused(
      full('w: { listen: 127.0.0.1:80, pool: p }, x: { listen: «0.0.0.0:80», pool: p }', POOL),
      "0.0.0.0:80 is listened on already: as 127.0.0.1:80 by the listener 'w'",
    );
    config(
      'listen: [ 127.0.0.1:80, 127.0.0.2:80, "[::1]:80", 127.0.0.1:81 ]\nbackends: [ { host: a, port: 1 } ]\n',
    );
  });

  it('of the metrics are not those of a listener', () => {
    const prometheus = (settings: string): string => `${BASE}monitoring: { prometheus: { ${settings} } }\n`;
    refused(
      prometheus('enabled: true, port: «8080»'),
      "the metrics cannot be served on 127.0.0.1:8080: the listener 'default' is there",
    );
    refused(prometheus('enabled: true, host: "::", port: «8080»'), /cannot be served on \[::\]:8080/);
    config(prometheus('enabled: true, host: 127.0.0.2, port: 8080'));
    config(prometheus('enabled: false, port: 8080'));
    refused(
      prometheus('enabled: true, path: «/readyz»'),
      '/readyz is taken: it answers whether the process is alive or ready',
    );
  });
});

describe('the admin interface', () => {
  const admin = (settings: string, rest = ''): string => `${BASE}admin: { ${settings} }\n${rest}`;

  it('has a token over TCP', () => {
    refused(admin('port: «9091»'), 'admin.port needs a token: name its token_file');
    refused(admin('port: «9091», token_file: ""'), /needs a token/);
    config(admin('port: 9091, token_file: t'));
    refused(admin('port: 9091, token_file: «t»'), "there is no file '/etc/balancer/t'", {
      exists: () => false,
    });
    config(admin('socket: a.sock'));
  });

  it('has a place of its own', () => {
    refused(
      admin('port: «8080», token_file: t'),
      "the admin interface cannot be on 127.0.0.1:8080: the listener 'default' is there",
    );
    refused(
      admin('host: "::", port: «9090», token_file: t', 'monitoring: { prometheus: { enabled: true } }\n'),
      'the admin interface cannot be on [::]:9090: the metrics are there',
    );
    config(admin('port: 9090, token_file: t'));
  });

  it('has a socket whose name the kernel can hold', () => {
    const room = 100 - '/etc/balancer/'.length;
    config(admin(`socket: ${'a'.repeat(room)}`));
    refused(admin(`socket: «${'a'.repeat(room + 1)}`), /at most 100 bytes; with its directory this has 101$/);
    refused(admin(`socket: «${'é'.repeat(room)}`), /at most 100 bytes/);
  });

  it('warns of what only TCP reads', () => {
    warned(admin('token_file: «t»'), 'admin.token_file is for TCP, which needs admin.port');
    warned(admin('host: «"::1"», socket: s'), 'admin.host is for TCP, which needs admin.port');
    warned(admin('dashboard: «false»'), 'admin.dashboard is for TCP, which needs admin.port');
    assert.deepEqual(load(admin('host: 127.0.0.1, port: 0, token_file: ""')).warnings, []);
  });
});

describe('circles', () => {
  const itself = "this backend is the listener 'default' itself";
  const rows: readonly (readonly [string, string])[] = [
    ['127.0.0.1:80', '127.0.0.1'],
    ['80', '127.0.0.1'],
    ['80', '"::1"'],
    ['80', 'localhost'],
    ['0.0.0.0:80', '127.8.8.8'],
    ['"[::1]:80"', '"::"'],
  ];
  for (const [listen, host] of rows) {
    it(`of one: ${host} behind ${listen}`, () => {
      refused(
        `listen: ${listen}\nbackends:\n  - { host: a, port: 1 }\n  - «{ host: ${host}, port: 80 }»\n`,
        itself,
      );
    });
  }

  it('of two are found at both ends', () => {
    const text = full(
      'w: { listen: 127.0.0.1:80, pool: p }, x: { listen: 127.0.0.1:81, pool: q }',
      'p: { backends: [ { host: 127.0.0.1, port: 81 } ] }, q: { backends: [ { host: 127.0.0.1, port: 80 } ] }',
    );
    const result = loadConfigText(FILE, text);
    assert.ok(!result.ok);
    assert.deepEqual(
      result.issues.map((issue) => issue.message),
      [
        "this backend is the listener 'x', whose sessions come back here",
        "this backend is the listener 'w', whose sessions come back here",
      ],
    );
  });

  it('are not chains', () => {
    config(
      full(
        'w: { listen: 127.0.0.1:80, pool: p }, x: { listen: 127.0.0.1:81, pool: q }, y: { listen: 127.0.0.1:82, pool: p }',
        'p: { backends: [ { host: 127.0.0.1, port: 81 } ] }, q: { backends: [ { host: 127.0.0.1, port: 9 } ] }',
      ),
    );
  });

  it('are found in a chain of a thousand', () => {
    const size = 1000;
    const listeners = Array.from(
      { length: size },
      (_, n) => `l${n}: { listen: 127.0.0.1:${n + 1}, pool: p${n} }`,
    ).join(', ');
    const pool = (n: number, port: number): string =>
      `p${n}: { backends: [ { host: 127.0.0.1, port: ${port} } ] }`;
    const chain = Array.from({ length: size - 1 }, (_, n) => pool(n, n + 2));
    config(full(listeners, [...chain, pool(size - 1, 9999)].join(', ')));
    const result = loadConfigText(FILE, full(listeners, [...chain, pool(size - 1, 500)].join(', ')));
    assert.ok(!result.ok);
    assert.equal(result.issues.at(-1)?.message, 'and 481 more problems from here on');
  });
});
