// What is written for each peer, and what is read back from the system.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { loadConfigText } from '#src/config/load.js';

import { load, skip } from './compiled.ts';

interface Place {
  readonly listen: string;
  readonly backends: readonly string[];
  readonly folder: string;
  readonly cpu: number;
  readonly launcher: string;
}
interface Subject {
  readonly id: string;
  readonly family: string;
  readonly letters?: string;
}

const { haproxyConfig } = await load<{ haproxyConfig(style: object, place: Place): string }>(
  'subjects/haproxy.js',
);
const { nginxConfig } = await load<{ nginxConfig(style: object, place: Place, module?: string): string }>(
  'subjects/nginx.js',
);
const { oursConfig } = await load<{ oursConfig(place: Place, extras?: object): string }>('subjects/ours.js');
const { parseStrace } = await load<{ parseStrace(text: string): Record<string, number> }>('syscalls.js');
const { isListening, kernelAddress } = await load<{
  kernelAddress(address: string): string;
  isListening(address: string, table: string): boolean;
}>('lib/proc.js');
const { participants, spareRounds } = await load<{
  participants(workload: object, subjects: readonly Subject[]): Subject[];
  spareRounds(rounds: number): number;
}>('rounds.js');
const { parseOptions } = await load<{
  parseOptions(args: readonly string[], seed: number): Record<string, unknown>;
}>('options.js');

const place: Place = {
  listen: '127.3.100.1:7000',
  backends: ['127.3.0.1:8000', '127.3.0.2:8000'],
  folder: '/nowhere',
  cpu: 1,
  launcher: '/nowhere/load',
};

describe('configs', { skip }, () => {
  it('of HAProxy have both backends, one thread, and options where they belong', () => {
    const text = haproxyConfig(
      {
        global: ['cpu-map auto:1/1 CPU', 'no log', 'tune.bufsize 9'],
        options: ['option splice-request'],
        sessions: 7,
      },
      place,
    );
    const [global = '', defaults = '', listen = ''] = text.split(/^(?=defaults|listen)/m);
    assert.match(global, /nbthread 1/);
    assert.match(global, /cpu-map auto:1\/1 1\n/);
    assert.match(global, /maxconn 7\n/);
    assert.match(global, /tune\.bufsize 9/);
    assert.doesNotMatch(global, /no log/);
    assert.match(defaults, /mode tcp\n {2}no log\n {2}option splice-request/);
    assert.match(
      listen,
      /bind 127\.3\.100\.1:7000[^]*server b1 127\.3\.0\.1:8000[^]*server b2 127\.3\.0\.2:8000/,
    );
  });

  it('of nginx deliver half-close always, and tuning only when asked for', () => {
    const plain = nginxConfig({}, place, '/m.so');
    assert.match(plain, /^load_module \/m\.so;/);
    assert.match(plain, /proxy_half_close on;/);
    assert.doesNotMatch(plain, /reuseport|affinity|multi_accept|buffer_size/);
    const tuned = nginxConfig({ tuned: true, multiAccept: true, buffer: '16k' }, place);
    assert.match(tuned, /worker_cpu_affinity 10;/);
    assert.match(tuned, /listen 127\.3\.100\.1:7000 reuseport;/);
    assert.match(tuned, /multi_accept on;/);
    assert.match(tuned, /proxy_buffer_size 16k;/);
    assert.doesNotMatch(tuned, /load_module/);
  });

  it('of ours are accepted by ours, and say nothing but where and whom', () => {
    const text = oursConfig(place);
    assert.deepEqual(Object.keys(JSON.parse(text) as object), ['listen', 'workers', 'backends']);
    const loaded = loadConfigText('bench.yaml', text);
    assert.ok(loaded.ok);
    assert.equal(loaded.config.pools[0]?.backends.length, 2);
    const changed = loadConfigText(
      'bench.yaml',
      oursConfig(place, { drainTimeout: 30.001, metricsPort: 9999 }),
    );
    assert.ok(changed.ok);
    assert.equal(changed.config.drain.timeout, 30_001);
    assert.equal(changed.config.monitoring.prometheus.enabled, true);
  });
});

describe('what strace counted', { skip }, () => {
  it('is read with and without errors', () => {
    const text = [
      '% time     seconds  usecs/call     calls    errors syscall',
      '------ ----------- ----------- --------- --------- ----------------',
      ' 50.10    0.001234           1      2000       700 recvfrom',
      ' 49.90    0.001230           1      1300           epoll_wait',
      '------ ----------- ----------- --------- --------- ----------------',
      '100.00    0.002464           1      3300       700 total',
    ].join('\n');
    assert.deepEqual(parseStrace(text), { recvfrom: 2000, epoll_wait: 1300 });
  });
});

describe('who listens', { skip }, () => {
  it('is told by address, port and state', () => {
    assert.equal(kernelAddress('127.3.100.1:7000'), '0164037F:1B58');
    const line = (state: string): string =>
      `   0: 0164037F:1B58 00000000:0000 ${state} 00000000:00000000 00:00000000`;
    assert.equal(isListening('127.3.100.1:7000', line('0A')), true);
    assert.equal(isListening('127.3.100.1:7000', line('01')), false);
    assert.equal(isListening('127.3.100.1:7001', line('0A')), false);
  });
});

describe('who takes part', { skip }, () => {
  const subjects = [
    { id: 'direct', family: 'direct' },
    { id: 'ours', family: 'ours' },
    { id: 'haproxy-tuned/splice', family: 'haproxy-tuned', letters: 'AE' },
  ];

  it('is who is made for the workload', () => {
    const ids = (workload: object): string[] => participants(workload, subjects).map((s) => s.id);
    assert.deepEqual(ids({ letter: 'A' }), ['direct', 'ours', 'haproxy-tuned/splice']);
    assert.deepEqual(ids({ letter: 'B' }), ['direct', 'ours']);
    assert.deepEqual(ids({ letter: 'H', only: ['ours'] }), ['ours']);
  });

  it('may repeat a disturbed round so often and no more', () => {
    assert.deepEqual([1, 3, 10].map(spareRounds), [1, 2, 5]);
  });
});

describe('the command line', { skip }, () => {
  it('measures everything in ten rounds unless told', () => {
    const options = parseOptions([], 5);
    assert.deepEqual(
      [
        options['rounds'],
        options['micro'],
        options['macro'],
        options['syscalls'],
        options['seed'],
        options['window'],
      ],
      [10, true, true, true, 5, 3],
    );
  });

  it('is short when quick, and narrow when told', () => {
    const quick = parseOptions(['--quick'], 5);
    assert.deepEqual(
      [quick['rounds'], quick['micro'], quick['macro'], quick['syscalls']],
      [3, false, true, false],
    );
    const micro = parseOptions(['--micro', '--rounds', '2', '--seed', '9', '--workloads', 'C'], 5);
    assert.deepEqual([micro['micro'], micro['macro'], micro['rounds'], micro['seed']], [true, false, 2, 9]);
  });
});
