// What is refused, at which place and with which words. « and » mark the place.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfigText } from '#src/config/load.js';
import { BASE, FILE, refused } from './support.ts';

/** A line below a good config: « and » around the fault. */
const LINES: Readonly<Record<string, string | RegExp>> = {
  '«listn»: 1': "unknown key 'listn' at the top level; did you mean 'listen'?",
  '«Workers»: 1': "unknown key 'Workers' at the top level; did you mean 'workers'?",
  '«connect»: 5s': "unknown key 'connect' at the top level; it belongs in timeouts",
  '«host»: a': /it belongs in .*an entry of backends/,
  'timeouts: { «conect»: 5 }': "unknown key 'conect' in timeouts; did you mean 'connect'?",
  'drain: { «zzzzzz»: 5 }':
    "unknown key 'zzzzzz' in drain; known are delay, timeout, rate, order, idle, removed",
  'drain: { rate: «fast» }': "drain.rate: expected even or a whole number from 0 to 1000000; got 'fast'",
  'drain: { rate: «even», timeout: 0 }':
    'drain.rate even spreads sessions over drain.timeout, which is 0: set a time, or a number',
  'drain: { removed: «drain», timeout: 0 }':
    'drain.removed drain ends nobody without a drain.timeout or a drain.rate',
  'drain: { idle: «0» }': /^drain\.idle: expected a time from 1ms to 1h: /,
  'algorithm: ip_hash\nrebalance: { enabled: «true» }':
    'rebalance does not go with ip_hash: clients come back to the backend that they were on',
  'monitoring: { prometheus: { «patch»: / } }':
    "unknown key 'patch' in monitoring.prometheus; did you mean 'path'?",
  '«"__proto__"»: { splice: off }': "unknown key '__proto__' at the top level",
  'timeouts: { «__proto__»: { connect: 1 } }': /^unknown key '__proto__' in timeouts/,
  '«constructor»: 1': "unknown key 'constructor' at the top level",
  '«toString»: 1': "unknown key 'toString' at the top level",
  '«7»: seven': "unknown key '7' at the top level",
  '«<<»: { workers: 1 }': "unknown key '<<' at the top level; merge keys are not part of YAML 1.2",
  'workers: «0»': 'workers: expected auto or a whole number from 1 to 64; got 0',
  'workers: «"1"»': "workers: expected auto or a whole number from 1 to 64; got '1'",
  'workers: «~»': 'workers: expected auto or a whole number from 1 to 64; got nothing',
  'workers:«': 'workers: expected auto or a whole number from 1 to 64; got nothing',
  'cpu_affinity: [ 0, «-1» ]': /^cpu_affinity\[1\]: expected auto, off or a list of different numbers/,
  'cpu_affinity: «[ 1, 1 ]»': /different numbers from 0 to 1023; got a list$/,
  'cpu_affinity: «[]»': /got an empty list$/,
  'cpu_affinity: «no»': /^cpu_affinity: expected auto, off or a list/,
  'backlog: «0»': 'backlog: expected a whole number from 1 to 65535; got 0',
  'max_connections: «.nan»': 'max_connections: expected a whole number from 0 to 10000000; got NaN',
  'max_connections: «1e99»': /got 1e\+99$/,
  'buffer_size: «100»': /^buffer_size: expected a size from 1KiB to 16MiB: .*; got 100$/,
  'buffer_size: «64 potatoes»': /got '64 potatoes'$/,
  'pipe_size: «2MiB»': /^pipe_size: expected a size from 4KiB to 1MiB/,
  'splice: «maybe»': "splice: expected one of auto, on, off; got 'maybe'",
  'splice: «true»': 'splice: expected one of auto, on, off; got true',
  'algorithm: «roundrobin»': /got 'roundrobin'; did you mean 'round_robin'\?$/,
  'retries: «8»': 'retries: expected a whole number from 0 to 7; got 8',
  'timeouts: «5»': 'timeouts: expected a map of settings; got 5',
  'timeouts: «[ { connect: 5 } ]»': 'timeouts: expected a map of settings; got a list',
  'timeouts: «~»': 'timeouts: expected a map of settings; got nothing',
  'timeouts: { connect: «0» }': /^timeouts\.connect: expected a time from 1ms to 1h: /,
  'timeouts: { read: «169h» }': /^timeouts\.read: expected a time from 1ms to 168h, or 0: /,
  'timeouts: { read: «"5"» }': /got '5'$/,
  'timeouts: { read: «-1» }': /got -1$/,
  'timeouts: { read: «.inf» }': /got Infinity$/,
  'timeouts: { session_jitter: «101» }':
    'timeouts.session_jitter: expected a whole number from 0 to 100; got 101',
  'connection_settings: { keep_alive: «yes» }':
    "connection_settings.keep_alive: expected true or false; got 'yes'",
  'connection_settings: { keep_alive_timeout: «0.5» }': /from 1s to 32767s, or 0/,
  'connection_settings: { congestion_control: «"bbr; rm"» }':
    /expected the name of a congestion control algorithm/,
  'connection_settings: { send_buffer: «1» }': /from 4KiB to 1024MiB, or 0/,
  'health_checks: { interval: «1ms» }': /from 10ms to 24h/,
  'health_checks: { path: «health» }':
    "health_checks.path: expected a path that begins with /, without spaces; got 'health'",
  'health_checks: { path: «"/a b"» }': /without spaces/,
  'health_checks: { path: «"/a\\r\\nX: y"» }': /without spaces; got '\/a\\u\{d\}\\u\{a\}X: y'$/,
  'health_checks: { host: «"a b"» }': /expected a Host header/,
  'health_checks: { expected_status: «99» }': /expected status codes from 100 to 599/,
  'health_checks: { expected_status: «300-200» }': /expected status codes/,
  'health_checks: { expected_status: [ 200, «2xx» ] }':
    /^health_checks\.expected_status\[1\]: expected status codes/,
  'health_checks: { command: «"true"» }': /expected a list of a program and its arguments/,
  'health_checks: { jitter: «51» }': /from 0 to 50/,
  'monitoring: { prometheus: { host: «localhost» } }': /it has to be numeric/,
  'monitoring: { prometheus: { path: «"/a?b"» } }': /expected a path that begins with \//,
  'log: { level: «verbose» }': "log.level: expected one of debug, info, warn, error; got 'verbose'",
  'log: { file: «"a\\nb"» }': /^log\.file: expected a file name/,
  'log: { access: { sample: «0» } }': 'log.access.sample: expected a percentage from 0.0001 to 100; got 0',
  'log: { access: { sample: «101» } }': /expected a percentage/,
  'log: { access: { sample: «"1%"» } }': /expected a percentage/,
  'log: { access: { format: «clf» } }': /expected one of json, text/,
  'dns: { min_ttl: «0» }': /from 1s to 24h/,
};

describe('a line that is wrong', () => {
  for (const [line, message] of Object.entries(LINES)) {
    it(line.replace('«', '').replace('»', ''), () => refused(`${BASE}${line}\n`, message));
  }
});

const TEXTS: Readonly<Record<string, readonly [string, string | RegExp]>> = {
  'an empty file': ['«', /^expected a config: a map .*; got nothing$/],
  'comments alone': ['«# nothing\n# here\n', /^expected a config: .*; got nothing$/],
  'a list': ['«- listen: 8080»\n', /^expected a config: .*; got a list$/],
  'a word': ['«hello»\n', /^expected a config: .*; got 'hello'$/],
  'a tab as indentation': [
    'listen: 8080\nbackends:\n«\t- { host: a, port: 1 }\n',
    'tabs cannot indent in YAML; use spaces',
  ],
  'a list that is never closed': [
    'listen: 8080\nbackends: [ { host: a, port: 1 }\n«workers: 1\n',
    /^this is not YAML: Flow sequence/,
  ],
  'quotes that are never closed': [
    'listen: "8080\nworkers: 1\n«',
    'this is not YAML: a text in quotes is never closed',
  ],
  'indentation that jumps back': [
    'listen: 8080\nbackends:\n    - host: a\n«  port: 1\n',
    /^this is not YAML: All mapping items/,
  ],
  'no colon': ['«listen 8080»\nbackends: []\n', /^this is not YAML: /],
  'an alias to nothing': [
    'listen: 8080\nbackends: «*nowhere»\n',
    "the alias '*nowhere' names nothing before it",
  ],
  'an alias to what it is in': [
    'listen: &a [ «*a» ]\nbackends: []\n',
    "the alias '*a' is part of what it names",
  ],
  'two documents': [`${BASE}«---\nlisten: 8081\n`, 'a second document begins here; a config is one document'],
  'a key twice': [`${BASE}# far\n«listen»: 8081\n`, "the key 'listen' comes twice; first in line 1"],
  'a key twice, in quotes once': [
    `${BASE}«"listen"»: 8081\n`,
    "the key 'listen' comes twice; first in line 1",
  ],
  'a key twice in one line': [
    'listen: 8080\nbackends: [ { host: a, port: 1, «port»: 2 } ]\n',
    "the key 'port' comes twice; first in line 2",
  ],
  'a key that is a list': ['«[ a ]: 1\n', 'a key has to be plain text'],
  'a tag': [`${BASE}workers: «!!js/function» "function () { return 1 }"\n`, /^tags are not allowed/],
  'a tag on a list': [`${BASE}workers: «!!python/object/apply:os.getpid» []\n`, /^tags are not allowed/],
  'a tag of a YAML 1.1 type': [`${BASE}workers: «!!binary» AAAA\n`, /^tags are not allowed/],
  'YAML 1.1': [`«%YAML 1.1\n---\n${BASE}`, 'this file says that it is YAML 1.1; a config is YAML 1.2'],
  'an unknown directive': [`«%LOAD x»\n---\n${BASE}`, /^this is not YAML: Unknown directive/],
  'a NUL byte': ['listen: 8080«\0»\n', 'control characters (here U+0000) have no place in a config'],
  'a bell': ['listen: 8080 «\x07»\n', 'control characters (here U+0007) have no place in a config'],
  'an escape sequence': [
    'listen: «\x1b»[31m8080\n',
    'control characters (here U+001B) have no place in a config',
  ],
  'listen without a value': [
    'listen:«\nbackends: [ { host: a, port: 1 } ]\n',
    /^listen: expected a port, .*; got nothing$/,
  ],
  'no listen': [
    '«backends: [ { host: a, port: 1 } ]\n',
    /^'listen' is missing: a config has listen and backends/,
  ],
  'no backends': ['«listen: 8080\n', /^'backends' is missing/],
  'no backend in backends': [
    'listen: 8080\nbackends: «[]»\n',
    'backends: expected at least one backend; got an empty list',
  ],
  'backends that are a map': [
    'listen: 8080\nbackends: «{}»\n',
    /^backends: expected a list of backends, .*; got a map$/,
  ],
  'a backend that is nothing': [
    'listen: 8080\nbackends:\n  - «~»\n',
    'backends[0]: expected a map of settings; got nothing',
  ],
  'a backend that is an address': [
    'listen: 8080\nbackends: [ «a:80» ]\n',
    "backends[0]: expected a map of settings; got 'a:80'",
  ],
  'a backend without a port': [
    'listen: 8080\nbackends:\n  - «{ host: a }»\n',
    /^backends\[0\]\.port is missing: /,
  ],
  'a backend without a host': [
    'listen: 8080\nbackends:\n  - { host: a, port: 1 }\n  - «{ port: 1 }»\n',
    /^backends\[1\]\.host is missing: /,
  ],
  'a backend whose port is empty': [
    'listen: 8080\nbackends:\n  - { host: a, port: «}\n',
    /^backends\[0\]\.port: .*; got nothing$/,
  ],
  'a host with its port': [
    'listen: 8080\nbackends: [ { host: «"a:80"», port: 80 } ]\n',
    /the port goes into 'port'/,
  ],
  'an unknown key of a backend': [
    'listen: 8080\nbackends: [ { host: a, port: 1, «wieght»: 5 } ]\n',
    "unknown key 'wieght' in backends[0]; did you mean 'weight'?",
  ],
  'an address in a list': [
    'listen: [ 127.0.0.1:80, «127.0.0.1:x» ]\nbackends: [ { host: a, port: 1 } ]\n',
    /^listen\[1\]: the port must be .*; got '127\.0\.0\.1:x'$/,
  ],
  'an address that is a list': [
    'listen: [ «[ 80 ]» ]\nbackends: [ { host: a, port: 1 } ]\n',
    /^listen\[0\]: expected a port/,
  ],
  'both forms': [
    '«listen»: 8080\nlisteners: {}\npools: {}\n',
    "'listen' is of the flat form and 'listeners' and 'pools' of the full form; a config has one form",
  ],
  'half of each form': [
    'listeners: { a: { listen: 80, pool: p } }\n«backends»: [ { host: a, port: 1 } ]\n',
    /^'backends' is of the flat form/,
  ],
  'listeners without pools': ['«listeners: { a: { listen: 80, pool: p } }\n', /^'pools' is missing/],
  'no listener in listeners': [
    'listeners: «{}»\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    'listeners: expected at least one listener; got a map',
  ],
  'listeners as a list': [
    'listeners:\n  «- listen: 80»\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    'listeners: expected a map of listeners by name; got a list',
  ],
  'pools as a word': [
    'listeners: { a: { listen: 80, pool: p } }\npools: «app»\n',
    "pools: expected a map of pools by name; got 'app'",
  ],
  'a listener without listen': [
    'listeners:\n  «web»:\n    pool: p\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    /^listeners\.web\.listen is missing/,
  ],
  'a listener without a pool': [
    'listeners: { «web»: { listen: 80 } }\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    /^listeners\.web\.pool is missing/,
  ],
  'an unknown key of a listener': [
    'listeners: { web: { listen: 80, «pools»: p, pool: p } }\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    "unknown key 'pools' in listeners.web; did you mean 'pool'?",
  ],
  "a pool's key in a listener": [
    'listeners: { web: { listen: 80, pool: p, «algorithm»: random } }\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    "unknown key 'algorithm' in listeners.web; it belongs in the top level or a pool",
  ],
  "a listener's key in a pool": [
    'listeners: { web: { listen: 80, pool: p } }\npools: { p: { backends: [ { host: a, port: 1 } ], connection_settings: { «max_requests_per_connection»: 5 } } }\n',
    /^unknown key 'max_requests_per_connection' in pools\.p\.connection_settings; it belongs in connection_settings$/,
  ],
  'a name with a line break': [
    'listeners: { «"a\\nb"»: { listen: 80, pool: p } }\npools: { p: { backends: [ { host: a, port: 1 } ] } }\n',
    'listeners.a\\u{a}b: expected a name of 1 to 200 characters, without control characters',
  ],
  'an empty name': [
    'listeners: { web: { listen: 80, pool: p } }\npools: { «""»: { backends: [ { host: a, port: 1 } ] }, p: { backends: [ { host: a, port: 1 } ] } }\n',
    /expected a name of 1 to 200 characters/,
  ],
};

describe('a text that is wrong', () => {
  for (const [name, [text, message]] of Object.entries(TEXTS)) it(name, () => refused(text, message));
});

describe('several problems', () => {
  it('are all told, in the order of the file', () => {
    const result = loadConfigText(
      FILE,
      'timeouts: { read: x, conect: 1 }\nlisten: nowhere\nbackends: []\nworkers: 0\n',
    );
    assert.ok(!result.ok);
    assert.deepEqual(
      result.issues.map(({ line, column }) => [line, column]),
      [
        [1, 19],
        [1, 22],
        [2, 9],
        [3, 11],
        [4, 10],
      ],
    );
  });

  it('are counted once there are many', () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `key_${index}: 1\n`).join('');
    const result = loadConfigText(FILE, BASE + lines);
    assert.ok(!result.ok);
    assert.equal(result.issues.length, 21);
    assert.equal(result.issues[20]?.message, 'and 980 more problems from here on');
    assert.equal(result.issues[20]?.line, 24);
  });

  it('of the same key are one', () => {
    const result = loadConfigText(FILE, `${BASE}retries: -1.5\n`);
    assert.ok(!result.ok);
    assert.equal(result.issues.length, 1);
  });
});
