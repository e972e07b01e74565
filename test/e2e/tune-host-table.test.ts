// config/host-settings.conf: what the user's guide asks for is in it, its rules never make a value worse, and a table
// that is wrong is refused with its line.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import { createMachine, type Machine, PACKAGE, type Tree } from './tune-host-lab.ts';
import { stock } from './tune-host-stock.ts';

const machines: Machine[] = [];
after(() => machines.forEach((machine) => machine.remove()));

function make(tree: Tree): Machine {
  const machine = createMachine({ ...stock(), ...tree });
  machines.push(machine);
  return machine;
}

describe('the table of settings', () => {
  const lines = readFileSync(join(PACKAGE, 'config/host-settings.conf'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const table = new Map(
    lines.map((line) => {
      const [name = '', rule = '', value = '', ...rest] = line.split('|').map((column) => column.trim());
      assert.equal(rest.length, 3, `six columns: ${line}`);
      for (const words of rest) assert.notEqual(words, '', line);
      return [name, `${rule} ${value}`] as const;
    }),
  );

  it('has what the guide asks for', () => {
    const guide: Record<string, string> = {
      'net.core.rmem_max': 'at_least 134217728',
      'net.core.wmem_max': 'at_least 134217728',
      'net.ipv4.tcp_rmem': 'at_least 4096 87380 67108864',
      'net.ipv4.tcp_wmem': 'at_least 4096 65536 67108864',
      'net.core.somaxconn': 'at_least 4096',
      'net.ipv4.tcp_max_syn_backlog': 'at_least 8192',
      'net.ipv4.tcp_fastopen': 'bits 3',
      'net.ipv4.ip_local_port_range': 'widest 10000 65535',
      'net.ipv4.tcp_window_scaling': 'exactly 1',
      'net.ipv4.tcp_fin_timeout': 'at_most 15',
      'net.ipv4.tcp_tw_reuse': 'exactly 1',
      'nic.txqueuelen': 'at_least 5000',
      'nic.rps': 'exactly spread',
    };
    for (const [name, wanted] of Object.entries(guide)) assert.equal(table.get(name), wanted, name);
  });

  it('is explained, each of them, in docs/tuning.md', () => {
    const text = readFileSync(join(PACKAGE, 'docs/tuning.md'), 'utf8');
    assert.deepEqual(
      [...table.keys()].filter((name) => !text.includes(`\`${name}\``)),
      [],
    );
  });

  const rules: readonly (readonly [rule: string, there: string, value: string, wanted: string])[] = [
    ['at_least', '5', '10', '10'],
    ['at_least', '10', '9', '10'],
    ['at_least', '9', '10', '10'],
    ['at_least', '18446744073709551615', '1048576', '18446744073709551615'],
    ['at_least', '1 20 3', '2 10 30', '2 20 30'],
    ['enough', '0', '10', '0'],
    ['enough', '5', '10', '10'],
    ['at_most', '5', '10', '5'],
    ['at_most', '4294967295', '131072', '131072'],
    ['at_most', '-3', '-5', '-5'],
    ['exactly', '2', '1', '1'],
    ['bits', '1025', '3', '1027'],
    ['widest', '1024 60999', '10000 65535', '1024 65535'],
    ['widest', '9000 65535', '10000 65535', '9000 65535'],
    ['widest', '32768 60999', '10000 65535', '10000 65535'],
  ];
  it('has rules that never make a value worse', () => {
    const tree: Tree = {};
    rules.forEach(([, there], i) => (tree[`/proc/sys/vm/rule${i}`] = there));
    tree['/settings.conf'] = rules
      .map(([rule, , value], i) => `vm.rule${i} | ${rule} | ${value} | host | why | when`)
      .join('\n');
    const machine = make(tree);
    machine.report('--settings', join(machine.root, 'settings.conf'), '--interface', 'none');
    rules.forEach(([rule, there, value, wanted], i) => {
      assert.equal(machine.read(`/proc/sys/vm/rule${i}`), wanted, `${rule}: ${there}, ${value}`);
    });
  });

  for (const [line, problem] of [
    ['net.core.x | at_least | 5 | netns | why', 'six columns'],
    ['net.core.x | rather | 5 | netns | why | when', 'no such rule'],
    ['net.core.x | exactly | 5 | world | why | when', 'six columns'],
    ['Net | exactly | 5 | netns | why | when', 'no name'],
    ['net.core.x | exactly | 5 | netns | a | b\nnet.core.x | exactly | 6 | netns | a | b', ':2: no name'],
  ] as const) {
    it(`refuses: ${line.split('\n').at(-1)}`, () => {
      const machine = make({ '/settings.conf': line });
      const { code, err } = machine.script('check', '--settings', join(machine.root, 'settings.conf'));
      assert.equal(code, 2);
      assert.ok(err.includes(problem), err);
    });
  }
});
