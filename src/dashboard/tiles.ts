// The figures at the top: what goes on now, large enough to be read from across a room. Averages over the last seconds,
// so that they can be read at all.

import { addCounts, quantile } from '../api/quantile.ts';
import type { SampleView } from '../api/views.ts';
import { el, setText } from './dom.ts';
import { bytes, count, type Figure, latency, perSecond, rate } from './format.ts';
import { sum } from './history.ts';

export interface Tiles {
  readonly element: HTMLElement;
  /** The last samples, newest last; none where it is not known how things stand. */
  draw(latest: readonly SampleView[], bounds: readonly number[]): void;
}

interface Tile {
  readonly name: string;
  readonly id: string;
  of(samples: readonly SampleView[], bounds: readonly number[]): Figure;
}

/** Samples that a figure is of. */
export const TILE_SAMPLES = 3;

const TILES: readonly Tile[] = [
  { name: 'To clients', id: 'out', of: (all) => perSecond(bytes(mean(all, (s) => s.to_client_bytes))) },
  { name: 'To backends', id: 'in', of: (all) => perSecond(bytes(mean(all, (s) => s.to_backend_bytes))) },
  { name: 'Open sessions', id: 'open', of: (all) => count(all.at(-1)?.sessions ?? null) },
  { name: 'New sessions', id: 'new', of: (all) => rate(mean(all, (s) => s.accepted)) },
  { name: 'Turns', id: 'turns', of: (all) => rate(mean(all, (s) => sum(s.turn_buckets))) },
  { name: 'Turn, median', id: 'p50', of: (all, bounds) => latency(quantileOf(all, bounds, 0.5)) },
  { name: 'Turn, p99', id: 'p99', of: (all, bounds) => latency(quantileOf(all, bounds, 0.99)) },
  { name: 'Errors', id: 'errors', of: (all) => rate(mean(all, (s) => s.errors)) },
];

export function createTiles(): Tiles {
  const values = TILES.map(({ id }) => el('span', { class: 'num', attrs: { 'data-tile': id } }));
  const units = TILES.map(() => el('small'));
  const element = el(
    'dl',
    { class: 'tiles', attrs: { 'aria-label': 'Now' } },
    ...TILES.map(({ name }, at) =>
      el(
        'div',
        { class: 'tile' },
        el('dt', { text: name }),
        el('dd', {}, ...[values[at], units[at]].filter(isNode)),
      ),
    ),
  );
  return {
    element,
    draw(latest, bounds) {
      for (const [at, tile] of TILES.entries()) {
        const { value, unit } = tile.of(latest, bounds);
        const [number, small] = [values[at], units[at]];
        if (number !== undefined) setText(number, value);
        if (small !== undefined) setText(small, unit);
      }
    },
  };
}

function isNode(node: HTMLElement | undefined): node is HTMLElement {
  return node !== undefined;
}

function mean(samples: readonly SampleView[], of: (sample: SampleView) => number): number | null {
  const seconds = sum(samples.map((sample) => sample.seconds));
  return seconds === 0 ? null : sum(samples.map(of)) / seconds;
}

function quantileOf(samples: readonly SampleView[], bounds: readonly number[], q: number): number | null {
  return quantile(bounds, addCounts(samples.map((sample) => sample.turn_buckets)), q);
}
