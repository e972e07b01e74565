// A real Prometheus scrapes a running balancer: it finds nothing to complain of, answers what people ask, and an alert of
// ours fires when its cause is there.

import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { at, ROOT, scenario, type Case, type Running } from '../helpers/balancer.ts';
import { until, within } from '../helpers/deadline.ts';
import { freePort, listensOn } from '../helpers/machine.ts';
import { get } from '../helpers/metrics-page.ts';
import { echo } from '../helpers/tcp-script.ts';

const RULES = join(ROOT, 'docs', 'deployment', 'prometheus', 'rules.yaml');
const missing = spawnSync('prometheus', ['--version']).error !== undefined;
/** For a program that starts with a database of its own on a machine that does other things. */
const LONG_MS = 40_000;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
}

interface Target {
  readonly health: string;
  readonly lastError: string;
}

interface Prometheus {
  query(expression: string): Promise<readonly Sample[]>;
  alerts(): Promise<readonly Alert[]>;
  targets(): Promise<readonly Target[]>;
  /** A counter of its own. */
  own(name: string): Promise<number>;
  log(): string;
}

/** What its config asks for at deployment, but every second; alerts do not wait. */
function writeSettings(folder: string, lb: Running): string {
  const rules = readFileSync(RULES, 'utf8').replaceAll(/^( +for:) .*$/gm, '$1 1s');
  writeFileSync(join(folder, 'rules.yaml'), rules);
  const file = join(folder, 'prometheus.yaml');
  writeFileSync(
    file,
    `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yaml]
scrape_configs:
  - job_name: ultrabalancer-l4
    static_configs: [{ targets: ['127.0.0.1:${lb.metricsPort}'] }]
`,
  );
  return file;
}

async function leave(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const left = once(child, 'exit');
    child.kill('SIGTERM');
    await within(left, 'Prometheus leaves', LONG_MS).catch(() => child.kill('SIGKILL'));
  }
  rmSync(folder, { recursive: true, force: true });
}

async function startPrometheus(lab: Case, lb: Running): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'ub-prometheus-'));
  mkdirSync(join(folder, 'data'));
  const file = writeSettings(folder, lb);
  const port = await freePort();
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  const child = spawn('prometheus', [...args, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  lab.atEnd(() => leave(child, folder));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus left:\n${log}`);
      return listensOn(port) && (await get(port, '/-/ready')).status === 200;
    },
    () => `Prometheus is ready:\n${log}`,
    LONG_MS,
  );
  async function ask<T>(path: string): Promise<T> {
    const { status, body } = await get(port, `/api/v1/${path}`);
    assert.equal(status, 200, body);
    return (JSON.parse(body) as { readonly data: T }).data;
  }
  return {
    query: async (expression) =>
      (await ask<{ readonly result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result,
    alerts: async () => (await ask<{ readonly alerts: Alert[] }>('alerts')).alerts,
    targets: async () =>
      (await ask<{ readonly activeTargets: Target[] }>('targets?state=active')).activeTargets,
    async own(name) {
      const { body } = await get(port, '/metrics');
      const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(body);
      assert.ok(found, `Prometheus tells ${name}`);
      return Number(found[1]);
    },
    log: () => log,
  };
}

test(
  'Prometheus scrapes without a complaint, answers, and tells of a backend that is down',
  { timeout: 180_000, skip: missing && 'prometheus is not installed' },
  () =>
    scenario(async (lab) => {
      const stays = (await lab.backend()).serve(echo);
      const goes = (await lab.backend()).serve(echo);
      const health_checks = { enabled: true, interval: 0.2, timeout: 2, unhealthy_threshold: 2 };
      const lb = await lab.start({ backends: [at(stays), at(goes)], health_checks }, { spareSockets: 4 });
      const prometheus = await startPrometheus(lab, lb);
      await until(
        async () => (await prometheus.query('up{job="ultrabalancer-l4"}'))[0]?.value[1] === '1',
        () => `up is 1:\n${prometheus.log()}`,
        LONG_MS,
      );

      for (let i = 0; i < 10; i += 1) {
        const client = await lb.connect();
        await client.send(`request ${i}`);
        await client.expect(`request ${i}`);
        client.close();
      }
      const counted = async (expression: string, value: string): Promise<void> => {
        let seen = '';
        await until(
          async () => (seen = JSON.stringify(await prometheus.query(expression))).includes(`"${value}"]`),
          () => `${expression} is ${value}: ${seen}`,
          LONG_MS,
        );
      };
      await counted('ultrabalancer_l4_sessions_total{listener="default"}', '10');
      await counted('sum(ultrabalancer_l4_sessions_closed_total)', '10');
      await counted('sum(request_duration_seconds_bucket{le="+Inf"})', '10');
      await counted('sum(ultrabalancer_l4_backend_up)', '2');
      assert.deepEqual(await prometheus.alerts(), []);

      await goes.close();
      const alert = await until(
        async () => (await prometheus.alerts()).find(({ state }) => state === 'firing'),
        'an alert fires',
        LONG_MS,
      );
      assert.equal(alert.labels['alertname'], 'UltrabalancerBackendDown');
      assert.equal(alert.labels['backend'], goes.key);
      assert.equal(alert.annotations['summary'], `backend ${goes.key} of pool default is out of rotation`);

      const targets = await prometheus.targets();
      assert.deepEqual(
        targets.map(({ health, lastError }) => ({ health, lastError })),
        [{ health: 'up', lastError: '' }],
      );
      for (const complaint of ['duplicate_timestamp', 'out_of_order', 'out_of_bounds']) {
        assert.equal(
          await prometheus.own(`prometheus_target_scrapes_sample_${complaint}_total`),
          0,
          complaint,
        );
      }
      assert.doesNotMatch(prometheus.log(), /level=(?:WARN|ERROR|warn|error)/);
    }),
);
