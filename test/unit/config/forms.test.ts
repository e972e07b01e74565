// The two forms, what is a default of what, and where values come from.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BASE, config, load, warned } from './support.ts';

describe('the flat form', () => {
  it('is one listener and one pool, both named default', () => {
    const { listeners, pools } = config(BASE);
    assert.deepEqual(
      listeners.map(({ name, pool, listen }) => ({ name, pool, listen })),
      [{ name: 'default', pool: 'default', listen: [{ host: '127.0.0.1', port: 8080 }] }],
    );
    assert.deepEqual(
      pools.map(({ name, backends }) => ({ name, backends })),
      [
        {
          name: 'default',
          backends: [{ host: '127.0.0.1', port: 9001, weight: 1, max_connections: 0, backup: false }],
        },
      ],
    );
  });

  it('equals the full form that it stands for', () => {
    const rest =
      'retries: 5\ntimeouts: { read: 3 }\nalgorithm: random\nconnection_settings: { tcp_nodelay: false }\n';
    const flat = config(`${BASE}${rest}`);
    const full = config(
      `listeners: { default: { listen: 127.0.0.1:8080, pool: default } }\npools: { default: { backends: [ { host: 127.0.0.1, port: 9001 } ] } }\n${rest}`,
    );
    assert.deepEqual(flat, full);
  });

  it('is JSON too, with tabs, a byte order mark is no part of it, and lines may end as on Windows', () => {
    const json =
      '{\n\t"listen": "127.0.0.1:8080",\n\t"backends": [\n\t\t{"host": "127.0.0.1", "port": 9001}\n\t]\n}\n';
    assert.deepEqual(config(json), config(BASE));
    assert.deepEqual(config(BASE.replace(/\n/g, '\r\n')), config(BASE));
    assert.deepEqual(config(`%YAML 1.2\n---\n${BASE}...\n`), config(BASE));
  });
});

describe('the full form', () => {
  const text = `timeouts: { connect: 3, read: 7 }
max_connections: 100
algorithm: ip_hash
health_checks: { interval: 500ms }
connection_settings: { tcp_quickack: true, max_requests_per_connection: 9 }
listeners:
  web: { listen: 127.0.0.1:80, pool: app, max_connections: 50, timeouts: { read: 60, keepalive: 0 } }
  db: { listen: [ "[::1]:81", 82 ], pool: data, connection_settings: { tcp_quickack: false } }
pools:
  app: { backends: [ { host: a, port: 1 } ] }
  data: { algorithm: random, health_checks: { enabled: false }, backends: [ { host: b, port: 2 } ] }
`;

  it('keeps the order of the file', () => {
    const { listeners, pools } = config(text);
    assert.deepEqual(
      listeners.map(({ name, pool }) => `${name} ${pool}`),
      ['web app', 'db data'],
    );
    assert.deepEqual(
      pools.map(({ name }) => name),
      ['app', 'data'],
    );
    const numbers =
      'listeners: { 10: { listen: 80, pool: 2 }, 9: { listen: 81, pool: 2 } }\npools: { 2: { backends: [ { host: a, port: 1 } ] } }\n'.replace(
        /pool: 2/g,
        'pool: "2"',
      );
    assert.deepEqual(
      config(numbers).listeners.map(({ name }) => name),
      ['10', '9'],
    );
  });

  it('takes from the top level what a thing does not say, key by key', () => {
    const [web, db] = config(text).listeners;
    assert.deepEqual([web?.max_connections, db?.max_connections], [50, 100]);
    assert.deepEqual(
      [web?.timeouts.connect, web?.timeouts.read, web?.timeouts.keepalive, web?.timeouts.write],
      [3000, 60_000, 0, 30_000],
    );
    assert.deepEqual([db?.timeouts.connect, db?.timeouts.read, db?.timeouts.keepalive], [3000, 7000, 75_000]);
    const [app, data] = config(text).pools;
    assert.deepEqual([app?.algorithm, data?.algorithm], ['ip_hash', 'random']);
    assert.deepEqual([app?.health_checks.enabled, data?.health_checks.enabled], [true, false]);
    assert.deepEqual([app?.health_checks.interval, data?.health_checks.interval], [500, 500]);
  });

  it('gives connection settings of the top level to both sides, as far as a side has them', () => {
    const { listeners, pools } = config(text);
    assert.deepEqual(
      listeners.map((each) => each.connection_settings.tcp_quickack),
      [true, false],
    );
    assert.deepEqual(
      pools.map((each) => each.connection_settings.tcp_quickack),
      [true, true],
    );
    assert.equal(listeners[0]?.connection_settings.max_requests_per_connection, 9);
    assert.ok(!('max_requests_per_connection' in (pools[0]?.connection_settings ?? {})));
  });

  it('warns of a key at the top level that nothing takes', () => {
    const full =
      'listeners: { a: { listen: 80, pool: p, backlog: 2 } }\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n';
    warned(
      `${full}«backlog»: 1\n`,
      'nothing takes backlog from the top level: all that could have it set their own',
    );
    warned(
      `${full.replace('backlog: 2', 'timeouts: { read: 2 }')}timeouts: { «read»: 1, write: 1 }\n`,
      'nothing takes timeouts.read from the top level: all that could have it set their own',
    );
    const side = full.replace('backlog: 2', 'connection_settings: { tcp_nodelay: true }');
    assert.deepEqual(
      load(`${side}connection_settings: { tcp_nodelay: false }\n`).warnings,
      [],
      'the pool takes it',
    );
  });

  it('takes any name that can be printed', () => {
    for (const name of [
      '__proto__',
      'constructor',
      'toString',
      'a"b',
      'back\\slash',
      'ünï',
      '${HOME}',
      '{{7*7}}',
      'a b',
      '7',
      'null',
      'x'.repeat(200),
    ]) {
      const text = JSON.stringify({ '@': name }).slice(5, -1);
      const { listeners, pools } = config(
        `listeners: { ${text}: { listen: 80, pool: ${text} } }\npools: { ${text}: { backends: [ { host: a, port: 1 } ] } }\n`,
      );
      assert.deepEqual([listeners[0]?.name, listeners[0]?.pool, pools[0]?.name], [name, name, name]);
    }
  });
});

describe('values', () => {
  it('are milliseconds and bytes, whatever they were written as', () => {
    const { listeners } = config(
      `${BASE}timeouts: { connect: 250ms, read: 5s, keepalive: 1m, session: 2h, half_close: 1.5 }\nbuffer_size: 16k\nmax_buffer_size: 1MiB\n`,
    );
    const [listener] = listeners;
    const { connect, read, keepalive, session, half_close } = listener?.timeouts ?? {};
    assert.deepEqual([connect, read, keepalive, session, half_close], [250, 5000, 60_000, 7_200_000, 1500]);
    assert.deepEqual([listener?.buffer_size, listener?.max_buffer_size], [16_384, 1_048_576]);
  });

  it('are 0 where off is allowed', () => {
    const zeros =
      'retries: 0\nmax_connections: 0\ntimeouts: { read: 0, write: 0, keepalive: 0, half_close: 0, first_byte: 0, session: 0s }\ndrain: { timeout: 0 }\n';
    const { listeners, drain } = config(BASE + zeros);
    assert.deepEqual(Object.values(listeners[0]?.timeouts ?? {}), [5000, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(drain.timeout, 0);
  });

  it('make ranges of status codes', () => {
    const status = (written: string): unknown =>
      config(`${BASE}health_checks: { check_type: http, expected_status: ${written} }\n`).pools[0]
        ?.health_checks.expected_status;
    assert.deepEqual(status('204'), [[204, 204]]);
    assert.deepEqual(status('200-299'), [[200, 299]]);
    assert.deepEqual(status('[ 200, "301-302", "404" ]'), [
      [200, 200],
      [301, 302],
      [404, 404],
    ]);
  });

  it('of fast_interval follow the interval', () => {
    const fast = (checks: string): unknown =>
      config(`${BASE}health_checks: { ${checks} }\n`).pools[0]?.health_checks.fast_interval;
    assert.deepEqual(
      [
        fast('interval: 10'),
        fast('interval: 300ms'),
        fast('interval: 10, fast_interval: 2'),
        fast('interval: 10, fast_interval: 0'),
      ],
      [1000, 300, 2000, 1000],
    );
  });

  it('that are file names are found from where the config is', () => {
    const made = config(
      `${BASE}health_checks: { check_type: custom, module: checks/a.js }\nlog: { file: ../b.log }\n`,
    );
    assert.equal(made.pools[0]?.health_checks.module, '/etc/balancer/checks/a.js');
    assert.equal(made.log.file, '/etc/b.log');
    const access = (file: string): string =>
      config(`${BASE}log: { access: { file: ${file} } }\n`).log.access.file;
    assert.deepEqual(['a.log', 'stdout', '"-"', './stdout', '""'].map(access), [
      '/etc/balancer/a.log',
      'stdout',
      'stdout',
      '/etc/balancer/stdout',
      '',
    ]);
    const { admin } = config(`${BASE}admin: { socket: a.sock, port: 1, token_file: ./t }\n`);
    assert.deepEqual([admin.socket, admin.token_file], ['/etc/balancer/a.sock', '/etc/balancer/t']);
    assert.deepEqual(config(BASE).admin, {
      socket: '',
      host: '127.0.0.1',
      port: 0,
      token_file: '',
      dashboard: true,
    });
    const command = (words: string): unknown =>
      config(`${BASE}health_checks: { check_type: custom, command: ${words} }\n`).pools[0]?.health_checks
        .command;
    assert.deepEqual(command('[ ./a, b/c ]'), ['/etc/balancer/a', 'b/c']);
    assert.deepEqual(command('[ /bin/a ]'), ['/bin/a']);
    assert.deepEqual(command('[ a ]'), ['a']);
  });

  it('may come from aliases', () => {
    const { listeners } = config(`${BASE}timeouts: { read: &t 7s, write: *t }\n`);
    assert.equal(listeners[0]?.timeouts.write, 7000);
  });

  it('cannot be changed', () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every(frozen));
    assert.ok(frozen(config(BASE)));
  });
});

describe('origins', () => {
  it('are the value, the top level, or nobody', () => {
    const { origins, source } = load(
      'backlog: 5\nlisteners: { a: { listen: 80, pool: p, retries: 1 } }\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    );
    const of = (...path: (string | number)[]): unknown => {
      const origin = origins.of(path);
      return origin && { ...source.place(origin.start), inherited: origin.inherited };
    };
    assert.deepEqual(of('listeners', 0, 'retries'), { line: 2, column: 49, inherited: false });
    assert.deepEqual(of('listeners', 0, 'backlog'), { line: 1, column: 10, inherited: true });
    assert.equal(of('listeners', 0, 'splice'), undefined);
    assert.deepEqual(of('pools', 0, 'backends', 0, 'port'), { line: 3, column: 44, inherited: false });
  });
});
