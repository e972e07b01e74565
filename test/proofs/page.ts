// The page of what was proven: nothing on it but what one run counted, and the circumstances of that run.

import type { Proven } from './proof.ts';

export interface Circumstances {
  readonly date: string;
  readonly commit: string;
  readonly kernel: string;
  readonly cpus: string;
  readonly node: string;
  /** net.ipv4.tcp_migrate_req */
  readonly migrate: string;
  readonly command: string;
}

function cell(value: string | number): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value;
}

/** Columns as wide as what is in them, as the formatter wants it. */
function table(head: readonly [string, string], rows: readonly (readonly [string, string])[]): string {
  const [left, right] = [0, 1].map((n) => Math.max(...[head, ...rows].map((row) => (row[n] ?? '').length)));
  const line = ([what, value]: readonly [string, string]): string =>
    `| ${what.padEnd(left ?? 0)} | ${value.padStart(right ?? 0)} |`;
  const rule = `| ${'-'.repeat(left ?? 0)} | ${'-'.repeat((right ?? 1) - 1)}: |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function page(run: Circumstances, proven: readonly Proven[]): string {
  const sections = proven.map(
    ({ title, done, figures }) =>
      `## ${title}\n\n${done}\n\n${table(
        ['counted', 'figure'],
        figures.map(({ what, value }) => [what, cell(value)] as const),
      )}\n`,
  );
  return `# Proofs

Operations that must lose nothing, done over and over while clients compare every byte. This page is written by
\`${run.command}\` and by nothing else: of ${run.date}, commit ${run.commit}, Linux ${run.kernel}, CPUs: ${run.cpus},
Node.js ${run.node}, \`net.ipv4.tcp_migrate_req\` ${run.migrate}. Balancer, clients and backends were on one machine. A proof
in which anything fails leaves no page. \`test/e2e/proofs.test.ts\` runs the same for seconds with every change.

${sections.join('\n')}`;
}
