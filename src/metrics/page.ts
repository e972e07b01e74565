// docs/metrics.md from the tables: every metric with its kind, labels and unit, and when to look at it. Pure text.

import { CLOSE_REASONS, CONNECT_FAILURES } from '../engine/engine.ts';
import type { Metric } from './metric.ts';
import { METRIC_GROUPS } from './names.ts';
import { CLOSE_MEANINGS, CONNECT_FAILURE_MEANINGS } from './reasons.ts';

const INTRODUCTION = `# Metrics

With \`monitoring.prometheus.enabled\` the process serves this page in the Prometheus text format (0.0.4), by default on
\`http://127.0.0.1:9090/metrics\`. Beside it are \`/healthz\`, which answers 200 for as long as the process can answer at
all, and \`/readyz\`, which answers 200 when clients can be served and 503 with the reasons, as JSON, when they cannot:
while starting, while draining, and when no backend of any pool is up.

- A **turn** starts when a client says something after the backend has (or first of all), and ends with the first byte
  of the answer. For a protocol of requests and answers it is one exchange; a balancer that does not read what it relays
  cannot know more.
- Every name is there from the start, at 0 where nothing has happened. Counters belong to a listener or backend by name
  and survive reloads; what has been removed is told until its last session has ended.
- A \`listener\` or \`pool\` label is the name in the config (\`default\` in the flat form), a \`backend\` label is
  \`host:port\` as configured. Labels take no other values than these, so that clients cannot make series.
- Numbers are exact up to 2^53 and the nearest double beyond, which is what Prometheus keeps. The data plane counts in
  64 bits.
- All values of a page are from one moment.
- Metrics of the process itself (\`process_*\`: CPU time, memory, descriptors; \`nodejs_*\`: the control plane's event
  loop and heap) have the names that Prometheus clients for Node.js give them.`;

/** Markdown, ending in a newline. */
export function metricsPage(): string {
  const groups = METRIC_GROUPS.map(
    ({ title, metrics }) => `## ${title}\n\n${Object.values(metrics).map(entry).join('\n\n')}`,
  );
  return [INTRODUCTION, ...groups, closeReasons(), connectFailures(), queries()].join('\n\n') + '\n';
}

function entry({ name, kind, labels, unit, help, use }: Metric): string {
  const told =
    labels.length === 0 ? 'no labels' : `labels ${labels.map((label) => `\`${label}\``).join(', ')}`;
  return `### \`${name}\`\n\n${kind}, ${told}, in ${unit}. ${help}\n\n*When to look at it:* ${use}`;
}

function closeReasons(): string {
  const rows = CLOSE_REASONS.map((reason) => {
    const { text, error } = CLOSE_MEANINGS[reason];
    return `| \`${reason}\` | ${text} | ${error ? 'yes' : 'no'} |`;
  });
  return `## Close reasons

The \`reason\` of \`ultrabalancer_l4_sessions_closed_total\`, and whether \`error_rate\` counts it as an error: the client
was there and did not get what it came for.

| reason | the session ended because | error |
| --- | --- | --- |
${rows.join('\n')}`;
}

function connectFailures(): string {
  const rows = CONNECT_FAILURES.map((reason) => `| \`${reason}\` | ${CONNECT_FAILURE_MEANINGS[reason]} |`);
  return `## Connect failures

The \`reason\` of \`ultrabalancer_l4_connect_failures_total\`.

| reason | means |
| --- | --- |
${rows.join('\n')}`;
}

function queries(): string {
  return `## Queries to begin with

\`\`\`promql
# 99th percentile of turn latency, by listener
histogram_quantile(0.99, sum by (listener, le) (rate(request_duration_seconds_bucket[5m])))

# share of sessions that end in error, over any window
sum by (listener) (rate(ultrabalancer_l4_sessions_closed_total{reason=~"${errorReasons()}"}[5m]))
  / sum by (listener) (rate(ultrabalancer_l4_sessions_closed_total[5m]))

# share of bytes that were spliced
rate(ultrabalancer_l4_spliced_bytes_total[5m])
  / (rate(ultrabalancer_l4_spliced_bytes_total[5m]) + rate(ultrabalancer_l4_copied_bytes_total[5m]))

# pools with less than half of their backends
avg by (pool) (ultrabalancer_l4_backend_up) < 0.5
\`\`\``;
}

function errorReasons(): string {
  return CLOSE_REASONS.filter((reason) => CLOSE_MEANINGS[reason].error).join('|');
}
