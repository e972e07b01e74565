// What the product is meant to reach: ours divided by the peer, lower is better. Set before anything was measured, and
// shown beside what is measured, reached or not.

export interface Goal {
  readonly workload: string;
  readonly figure: string;
  readonly peer: 'haproxy-default' | 'haproxy-tuned' | 'nginx-tuned';
  readonly atMost: number;
}

function goals(
  workload: string,
  figure: string,
  haproxyDefault: number,
  haproxyTuned: number,
  nginxTuned: number,
): readonly Goal[] {
  return [
    { workload, figure, peer: 'haproxy-default', atMost: haproxyDefault },
    { workload, figure, peer: 'haproxy-tuned', atMost: haproxyTuned },
    { workload, figure, peer: 'nginx-tuned', atMost: nginxTuned },
  ];
}

export const allGoals: readonly Goal[] = [
  ...goals('A.one-way', 'cpu', 0.5, 0.95, 0.45),
  ...goals('A.both-ways', 'cpu', 0.5, 0.95, 0.45),
  ...goals('B.1', 'cpu', 0.7, 0.7, 0.92),
  ...goals('B.1.sleepy', 'cpu', 0.7, 0.7, 0.92),
  ...goals('B.64', 'cpu', 0.8, 0.8, 0.92),
  ...goals('C', 'cpu', 0.85, 0.85, 0.9),
  ...goals('D.silent', 'user', 0.15, 0.15, 0.05),
  ...goals('D.used', 'user', 0.15, 0.15, 0.05),
  ...goals('E', 'p99', 0.8, 0.8, 0.8),
  ...goals('F', 'added-p50', 0.9, 0.9, 0.95),
  ...goals('F', 'added-p99', 0.9, 0.9, 0.95),
];

export function goalFor(workload: string, figure: string, peer: string): number | undefined {
  return allGoals.find((g) => g.workload === workload && g.figure === figure && g.peer === peer)?.atMost;
}
