// The one picture: ours divided by each peer, per workload, on a logarithmic scale, with whiskers, goals and the noise.
// Writes SVG by hand; light and dark follow the reader's own setting. Pure: summaries in, text out.

import { ratio } from '../lib/format.ts';
import type { Comparison, FigureSummary } from '../summary.ts';

const WIDTH = 960;
const LABELS = 320;
const VALUES = 64;
const RIGHT = 24;
const TOP = 118;
const ROW = 20;
const GAP = 18;
const FOOT = 74;

interface Series {
  readonly peer: string;
  readonly name: string;
  readonly className: string;
}

const SERIES: readonly Series[] = [
  { peer: 'haproxy-default', name: 'HAProxy, defaults', className: 'a' },
  { peer: 'haproxy-tuned', name: 'HAProxy, best tuned', className: 'b' },
  { peer: 'nginx-tuned', name: 'nginx, best tuned', className: 'c' },
];

const STYLE = `
  svg { color-scheme: light dark; }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 18px; font-weight: 600; }
  .sub, .tick, .foot { fill: #59636e; font-size: 12px; }
  .name { font-weight: 600; }
  .value { font-variant-numeric: tabular-nums; font-size: 12px; }
  .back { fill: #ffffff; }
  .band { fill: #f4f6f8; }
  .grid { stroke: #d7dde3; stroke-width: 1; }
  .one { stroke: #59636e; stroke-width: 1.5; }
  .noise { fill: #59636e; opacity: 0.18; }
  .goal { fill: none; stroke: #1f2328; stroke-width: 1.5; }
  .w { stroke-width: 2; stroke-linecap: round; }
  .w.out { fill: none; }
  .a { fill: #0969da; stroke: #0969da; } .b { fill: #bc4c00; stroke: #bc4c00; } .c { fill: #1a7f37; stroke: #1a7f37; }
  text.a, text.b, text.c { stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .sub, .tick, .foot { fill: #9198a1; }
    .back { fill: #0d1117; }
    .band { fill: #151b23; }
    .grid { stroke: #30373f; }
    .one { stroke: #9198a1; }
    .noise { fill: #9198a1; opacity: 0.25; }
    .goal { stroke: #e6edf3; }
    .a { fill: #4493f8; stroke: #4493f8; } .b { fill: #f0883e; stroke: #f0883e; } .c { fill: #3fb950; stroke: #3fb950; }
  }`;

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Where ratios are drawn. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  x(value: number): number;
}

const STEPS = [0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20];

/** What is less is drawn at the edge, with an arrow: far below, and the rest would be too narrow to read. */
const LEAST = 0.1;

/** Logarithmic, wide enough for all values and for 1, narrow enough to be read. */
export function createScale(values: readonly number[]): Scale {
  const usable = values.filter((value) => Number.isFinite(value) && value > 0);
  const low = Math.max(LEAST, Math.min(0.5, ...usable) * 0.92);
  const high = Math.min(20, Math.max(1.25, ...usable) * 1.08);
  const from = LABELS;
  const span = WIDTH - LABELS - VALUES - RIGHT;
  return {
    low,
    high,
    x(value) {
      const held = Math.min(high, Math.max(low, value));
      return from + (span * Math.log(held / low)) / Math.log(high / low);
    },
  };
}

const at = (value: number): string => value.toFixed(1);

function mark(className: string, x: number, y: number): string {
  switch (className) {
    case 'a':
      return `<circle class="a" cx="${at(x)}" cy="${at(y)}" r="5"/>`;
    case 'b':
      return `<rect class="b" x="${at(x - 4.5)}" y="${at(y - 4.5)}" width="9" height="9" rx="1"/>`;
    default:
      return `<path class="c" d="M${at(x)} ${at(y - 6)}l6 11h-12z"/>`;
  }
}

function row(scale: Scale, series: Series, comparison: Comparison, label: string, y: number): string {
  const { ratio: spread, goal } = comparison;
  const parts = [
    `<line class="w ${series.className}" x1="${at(scale.x(spread.low))}" y1="${at(y)}" x2="${at(scale.x(spread.high))}" y2="${at(y)}"/>`,
    mark(series.className, scale.x(spread.median), y),
    `<text class="value ${series.className}" x="${WIDTH - RIGHT}" y="${at(y + 4)}" text-anchor="end">${ratio(spread.median)}</text>`,
  ];
  if (goal !== undefined && goal >= scale.low) {
    parts.unshift(`<path class="goal" d="M${at(scale.x(goal))} ${at(y - 9)}v18"/>`);
  }
  if (spread.median < scale.low) {
    const x = scale.x(scale.low) - 9;
    parts.push(`<path class="w ${series.className} out" d="M${at(x)} ${at(y - 4)}l-5 4l5 4"/>`);
  }
  const told = `${label}: ours is ${ratio(spread.median)} of ${series.name} (${ratio(spread.low)} to ${ratio(spread.high)})${goal === undefined ? '' : `, goal ${ratio(goal)}`}`;
  return `<g><title>${escapeXml(told)}</title>${parts.join('')}</g>`;
}

function legend(): string {
  let x = LABELS;
  const entries = SERIES.map((series) => {
    const entry = `${mark(series.className, x + 6, 84)}<text x="${x + 18}" y="88">${escapeXml(series.name)}</text>`;
    x += 34 + series.name.length * 7;
    return entry;
  });
  entries.push(
    `<path class="goal" d="M${x + 6} 77v14"/><text x="${x + 14}" y="88">goal</text>`,
    `<rect class="noise" x="${x + 62}" y="77" width="14" height="14"/><text x="${x + 82}" y="88">noise</text>`,
  );
  return entries.join('');
}

/** Text of an SVG file; a chart that says so when there is nothing to compare. */
export function drawChart(summaries: readonly FigureSummary[], caption: string): string {
  const blocks = summaries
    .map((summary) => ({
      summary,
      rows: SERIES.flatMap((series) => {
        const comparison = summary.comparisons.find((c) => c.peer === series.peer);
        return comparison === undefined ? [] : [{ series, comparison }];
      }),
    }))
    .filter((block) => block.rows.length > 0);
  const scale = createScale(
    blocks.flatMap(({ rows, summary }) => [
      ...rows.flatMap(({ comparison: c }) => [
        c.ratio.low,
        c.ratio.high,
        ...(c.goal === undefined ? [] : [c.goal]),
      ]),
      ...(summary.noise === undefined ? [] : [summary.noise.low, summary.noise.high]),
    ]),
  );
  const heights = blocks.map((block) => Math.max(block.rows.length, 2) * ROW + GAP);
  const bottom = TOP + heights.reduce((sum, h) => sum + h, 0);
  const height = Math.max(bottom, TOP + 60) + FOOT;
  const out: string[] = [];
  out.push(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="t d">`,
    `<title id="t">Cost compared with HAProxy and nginx</title>`,
    `<desc id="d">Ours divided by each peer, per workload, lower is better. The tables beside this chart have the same figures.</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="back" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="24" y="34">What ours costs, as a share of what a peer costs</text>`,
    `<text class="sub" x="24" y="56">Left of 1 ours costs less. Points are medians of ratios taken within a round, lines their 95 % intervals.</text>`,
    legend(),
  );
  let y = TOP;
  heights.forEach((tall, n) => {
    if (n % 2 === 0) out.push(`<rect class="band" x="0" y="${y}" width="${WIDTH}" height="${tall}"/>`);
    y += tall;
  });
  const steps = STEPS.filter((step) => step >= scale.low && step <= scale.high);
  let last = -Infinity;
  for (const step of steps) {
    const x = scale.x(step);
    if (step !== 1 && (x - last < 34 || Math.abs(x - scale.x(1)) < 28)) continue;
    last = x;
    out.push(
      `<line class="${step === 1 ? 'one' : 'grid'}" x1="${at(x)}" y1="${TOP}" x2="${at(x)}" y2="${bottom}"/>`,
      `<text class="tick" x="${at(x)}" y="${bottom + 18}" text-anchor="middle">${step}</text>`,
    );
  }
  y = TOP;
  blocks.forEach(({ summary, rows }, n) => {
    const tall = heights[n] ?? 0;
    const { workload, figure, noise } = summary;
    const middle = y + tall / 2;
    if (noise !== undefined) {
      const left = scale.x(noise.low);
      out.push(
        `<rect class="noise" x="${at(left)}" y="${y}" width="${at(Math.max(1, scale.x(noise.high) - left))}" height="${tall}"/>`,
      );
    }
    out.push(
      `<text class="name" x="24" y="${at(middle - 3)}">${escapeXml(workload.title)}</text>`,
      `<text class="sub" x="24" y="${at(middle + 13)}">${escapeXml(`${workload.id} · ${figure.name}, ${figure.unit}`)}</text>`,
    );
    const first = middle - ((rows.length - 1) * ROW) / 2;
    rows.forEach(({ series, comparison }, k) => {
      out.push(row(scale, series, comparison, `${workload.title}, ${figure.name}`, first + k * ROW));
    });
    y += tall;
  });
  if (blocks.length === 0)
    out.push(`<text x="24" y="${TOP + 30}">Nothing to compare: ours or its peers were not measured.</text>`);
  out.push(`<text class="foot" x="24" y="${height - 20}">${escapeXml(caption)}</text>`, '</svg>', '');
  return out.join('\n');
}
