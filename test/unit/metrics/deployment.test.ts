// What the files for Prometheus and Grafana ask for is there to be had: every metric that they name exists, has the labels
// that they select and group by, and knows the reasons that they list. And the alerts fire when their own tests say so.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { CLOSE_REASONS, CONNECT_FAILURES } from '#src/engine/engine.js';
import { METRICS } from '#src/metrics/names.js';
import { nodeMetrics } from '#src/metrics/node.js';
import { parse } from 'yaml';

import { ROOT } from '../../helpers/running.ts';
import { selectorsOf, type Selector } from './promql.ts';

const folder = join(ROOT, 'docs', 'deployment');
/** What Prometheus itself adds to every series. */
const ADDED = ['job', 'instance'];

/** Name of each series to its labels. */
async function series(): Promise<Map<string, readonly string[]>> {
  const all = new Map<string, readonly string[]>([['up', []]]);
  for (const { name, kind, labels } of Object.values(METRICS)) {
    if (kind !== 'histogram') all.set(name, labels);
    else for (const suffix of ['sum', 'count']) all.set(`${name}_${suffix}`, labels);
    if (kind === 'histogram') all.set(`${name}_bucket`, [...labels, 'le']);
  }
  for (const [, name = ''] of (await nodeMetrics()).matchAll(/^([a-z_]+)(?:\{| )/gm)) all.set(name, []);
  return all;
}

interface Asked {
  readonly where: string;
  readonly expression: string;
}

/** Every string below a key of one of these names. */
function stringsAt(value: unknown, keys: readonly string[], where: string): Asked[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) =>
    keys.includes(key) && typeof below === 'string'
      ? [{ where: `${where}: ${below}`, expression: below }]
      : stringsAt(below, keys, where),
  );
}

function read(...path: string[]): unknown {
  return parse(readFileSync(join(folder, ...path), 'utf8'));
}

/** label_values(metric, label) asks for both. */
function plain({ where, expression }: Asked): Asked {
  const found = /^label_values\((.+),\s*(\w+)\)$/.exec(expression);
  return { where, expression: found === null ? expression : `sum by (${found[2]}) (${found[1]})` };
}

const asked: readonly Asked[] = [
  ...stringsAt(read('prometheus', 'rules.yaml'), ['expr'], 'rules.yaml'),
  ...stringsAt(read('prometheus', 'rules-test.yaml'), ['series'], 'rules-test.yaml'),
  ...stringsAt(read('grafana', 'dashboard.json'), ['expr', 'query', 'definition'], 'dashboard.json')
    .filter(({ expression }) => expression !== 'prometheus')
    .map(plain),
];

function checkLabels(selector: Selector, known: readonly string[], where: string): void {
  for (const { label, values } of selector.matchers) {
    assert.ok([...known, ...ADDED].includes(label), `${where}: ${selector.name} has no label ${label}`);
    if (label !== 'reason') continue;
    const reasons: readonly string[] = selector.name.includes('connect_failures')
      ? CONNECT_FAILURES
      : CLOSE_REASONS;
    for (const value of values.filter((text) => !text.startsWith('$'))) {
      assert.ok(reasons.includes(value), `${where}: there is no reason ${value}`);
    }
  }
}

describe('what dashboards and alerts ask for', () => {
  test('is found in the files at all', () => {
    for (const file of ['rules.yaml', 'rules-test.yaml', 'dashboard.json'])
      assert.ok(asked.filter(({ where }) => where.startsWith(file)).length >= 10, file);
  });

  test('is there to be had: metrics, labels, reasons', async () => {
    const known = await series();
    for (const { where, expression } of asked) {
      const { selectors, groupedBy } = selectorsOf(expression);
      assert.ok(selectors.length > 0, `${where}: no metric is found in it`);
      for (const selector of selectors) {
        const labels = known.get(selector.name);
        assert.ok(labels !== undefined, `${where}: there is no metric ${selector.name}`);
        checkLabels(selector, labels, where);
        for (const label of groupedBy)
          assert.ok(
            [...labels, ...ADDED].includes(label),
            `${where}: ${selector.name} has no label ${label}`,
          );
      }
    }
  });

  test('and what alerts say of it names labels that are left', async () => {
    const known = await series();
    const { groups } = read('prometheus', 'rules.yaml') as {
      groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
    };
    for (const { alert, expr, annotations } of groups.flatMap(({ rules }) => rules)) {
      const { selectors, groupedBy } = selectorsOf(expr);
      const own = selectors.flatMap(({ name }) => known.get(name) ?? []);
      const left = groupedBy.length > 0 ? groupedBy : [...own, ...ADDED];
      for (const [, label = ''] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g))
        assert.ok(left.includes(label), `${alert} tells a label ${label} that its series do not have`);
    }
  });

  test('alerts fire and do not fire as their tests say', (t) => {
    const check = spawnSync('promtool', ['test', 'rules', 'rules-test.yaml'], {
      cwd: join(folder, 'prometheus'),
      encoding: 'utf8',
    });
    if (check.error !== undefined) {
      t.skip('promtool is not installed');
      return;
    }
    assert.equal(check.status, 0, check.stdout + check.stderr);
  });
});
