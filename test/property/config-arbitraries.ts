// What config properties are tried with: texts and values that are almost configs, and configs that are good.

import fc from 'fast-check';
import { sections } from '#src/config/schema.js';

const KNOWN = [
  ...['listen', 'backends', 'listeners', 'pools', 'pool', 'host', 'port', '__proto__', 'constructor', '<<'],
  ...Object.values(sections).flatMap((section) => Object.keys(section.keys)),
];

/** Values that look like configs often enough to get past the first check. */
export const almost = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      1,
      -1,
      80,
      8080,
      NaN,
      Infinity,
      '',
      '5s',
      '250ms',
      'auto',
      'on',
      'off',
      '127.0.0.1:80',
      'tcp',
      'http',
      '/x',
      '64k',
    ),
    fc.string({ unit: 'grapheme' }),
    fc.double(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KNOWN), fc.string()), tie('value'), { maxKeys: 6 }),
  ),
})).value;

export const pieces = fc.constantFrom(
  'listen: 80\n',
  'backends:\n',
  '- ',
  '  ',
  '\t',
  '{',
  '}',
  '[',
  ']',
  ': ',
  ',',
  '"',
  "'",
  '&a ',
  '*a',
  '!!str ',
  '!x ',
  '---\n',
  '...\n',
  '%YAML 1.2\n',
  '\n',
  '\r\n',
  '#',
  '|\n',
  '>\n',
  '? ',
  '\0',
  '\ufeff',
  '\u2028',
  'a',
  '80',
  'host: a',
  'port: 1',
  '<<',
  '~',
  '😀',
  '\ud800',
);

const milliseconds = (least: number, most: number): fc.Arbitrary<string> =>
  fc.integer({ min: least, max: most }).map((ms) => `${ms}ms`);
export const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text));
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !text.includes('%')),
  fc.domain(),
);

const listenerKeys = fc.record(
  {
    backlog: fc.integer({ min: 1, max: 65535 }),
    max_connections: fc.nat(10_000_000),
    splice: fc.constantFrom('auto', 'on', 'off'),
    retries: fc.nat(7),
    timeouts: fc.record(
      {
        connect: milliseconds(1, 3_600_000),
        read: milliseconds(0, 604_800_000),
        session_jitter: fc.nat(100),
      },
      { requiredKeys: [] },
    ),
    connection_settings: fc.record(
      {
        tcp_nodelay: fc.boolean(),
        keep_alive_count: fc.nat(127),
        congestion_control: fc.constantFrom('', 'bbr', 'cubic'),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

const poolKeys = fc.record(
  {
    algorithm: fc.constantFrom('round_robin', 'ip_hash', 'power_of_two'),
    panic_threshold: fc.nat(100),
    health_checks: fc.record(
      {
        check_type: fc.constant('http'),
        path: fc.constantFrom('/', '/health?a=b#"\'', '/%20', '/:#'),
        host: fc.constantFrom('', 'null', '1e3', 'a:b', '"q"'),
        expected_status: fc.constantFrom<unknown>(200, '200-299', [200, '300-302']),
        interval: milliseconds(10, 86_400_000),
      },
      { requiredKeys: ['check_type'] },
    ),
  },
  { requiredKeys: [] },
);

const backend = fc.record(
  {
    host,
    port: fc.integer({ min: 1, max: 65535 }),
    weight: fc.integer({ min: 1, max: 65535 }),
    backup: fc.boolean(),
  },
  { requiredKeys: ['host', 'port'] },
);
const backends = fc.uniqueArray(backend, { minLength: 1, maxLength: 4, selector: ({ port }) => port });

export const flat = fc
  .tuple(
    listenerKeys,
    poolKeys,
    backends,
    fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 1, maxLength: 3 }),
  )
  .map(([listener, pool, list, listen]) => ({ listen, ...listener, ...pool, backends: list }));

export const full = fc
  .tuple(
    listenerKeys,
    poolKeys,
    fc.uniqueArray(fc.tuple(name, listenerKeys, poolKeys, backends), {
      minLength: 1,
      maxLength: 4,
      selector: ([id]) => id,
    }),
  )
  .map(([top, topPool, things]) => ({
    ...top,
    ...topPool,
    listeners: Object.fromEntries(
      things.map(([id, keys], at) => [id, { ...keys, listen: `127.0.0.1:${at + 1}`, pool: id }]),
    ),
    pools: Object.fromEntries(things.map(([id, , keys, list]) => [id, { ...keys, backends: list }])),
  }));
