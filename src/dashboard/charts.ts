// Line charts over time, all with one crosshair. Each has its names and figures above it, as text: the figures are of
// the crosshair, or the newest. Times in which nobody measured are hatched.

import type { SampleView } from '../api/views.ts';
import { hatch } from './canvas.ts';
import { el, setText } from './dom.ts';
import { clock, NONE } from './format.ts';
import { columns, gaps } from './history.ts';
import { colour } from './theme.ts';
import { LOGARITHMIC, type Plot, type PlotOptions, UPlot } from './uplot.ts';

export interface Line {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly colour: string;
  readonly fill?: boolean;
  readonly dash?: readonly number[];
}

export interface ChartSpec {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** Latencies: decades, not steps. */
  readonly logarithmic?: boolean;
  /** What each line shows, asked anew for each drawing. */
  readonly questions: (samples: readonly SampleView[]) => readonly ((sample: SampleView) => number | null)[];
}

export interface Window {
  readonly samples: readonly SampleView[];
  readonly from: number;
  readonly to: number;
  readonly everyMs: number;
}

export interface Chart {
  readonly element: HTMLElement;
  draw(window: Window): void;
  /** Colours or the size have changed. */
  restyle(): void;
}

/** Room for the scale on the left: the same everywhere, so that times are below each other. */
export const GUTTER = 62;
const HEIGHT = 184;
const FONT = '11px system-ui, sans-serif';

export function createChart(spec: ChartSpec): Chart {
  const plotPlace = el('div', { class: 'plot', attrs: { role: 'img' } });
  const figures = spec.lines.map(() => el('b', { class: 'num', text: NONE }));
  const when = el('span', { class: 'when num' });
  const names = spec.lines.map((line, at) => {
    const swatch = el('i', { class: 'swatch', attrs: { 'data-colour': line.colour } });
    if (line.dash !== undefined) swatch.classList.add('dashed');
    const name = el('span', { class: 'legend', text: '' }, swatch, document.createTextNode(`${line.name} `));
    const figure = figures[at];
    if (figure !== undefined) name.append(figure);
    return name;
  });
  const head = el(
    'header',
    {},
    el('h3', { text: spec.title }),
    el('div', { class: 'legends' }, ...names, when),
  );
  const element = el(
    'section',
    { class: 'card chart', attrs: { 'aria-label': spec.title } },
    head,
    plotPlace,
  );
  let plot: Plot | undefined;
  let shown: Window | undefined;

  function tell(): void {
    if (plot === undefined) return;
    const at = plot.cursor.idx ?? null;
    const index = at ?? plot.data[0].length - 1;
    const values = spec.lines.map((_, line) => plot?.data[line + 1]?.[index]);
    for (const [line, value] of values.entries()) {
      const figure = figures[line];
      if (figure !== undefined)
        setText(figure, value === null || value === undefined ? NONE : spec.format(value));
    }
    const time = plot.data[0][index];
    setText(when, at === null || time === undefined ? '' : clock(time * 1000));
  }

  function make(): Plot {
    return new UPlot(options(plotPlace.clientWidth), [[], ...spec.lines.map(() => [])], plotPlace);
  }

  function options(width: number): PlotOptions {
    const axis = { stroke: colour('muted'), font: FONT, ticks: { show: false } };
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      padding: [8, 12, 0, 0],
      cursor: { sync: { key: 'time' }, drag: { x: false, y: false }, points: { size: 6 } },
      scales: {
        x: { time: true, range: () => [(shown?.from ?? 0) / 1000, (shown?.to ?? 1000) / 1000] },
        y: spec.logarithmic === true ? { distr: LOGARITHMIC, range: decades } : { range: fromZero },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 26, values: labels },
        {
          ...axis,
          size: GUTTER,
          gap: 6,
          grid: {
            stroke: colour('grid'),
            width: 1,
            ...(spec.logarithmic === true ? { filter: (_, all) => all.map(decadeOnly) } : {}),
          },
          values: (_, all) => all.map((value) => (value === null ? '' : spec.format(value))),
          ...(spec.logarithmic === true ? { filter: (_, all) => all.map(decadeOnly) } : { space: 34 }),
        },
      ],
      series: [
        {},
        ...spec.lines.map((line) => ({
          label: line.name,
          stroke: colour(line.colour),
          width: 1.75,
          points: { show: false },
          ...(line.dash === undefined ? {} : { dash: [...line.dash] }),
          ...(line.fill === true ? { fill: `${colour(line.colour)}22` } : {}),
        })),
      ],
      hooks: { drawClear: [hatchGaps], setCursor: [tell] },
    };
  }

  function hatchGaps(drawn: Plot): void {
    if (shown === undefined) return;
    const { top, height } = drawn.bbox;
    for (const [from, to] of gaps(shown.samples, shown.from, shown.to, shown.everyMs)) {
      const left = drawn.valToPos(from / 1000, 'x', true);
      hatch(drawn.ctx, left, top, drawn.valToPos(to / 1000, 'x', true) - left, height, 7 * devicePixelRatio);
    }
  }

  function draw(window: Window): void {
    shown = window;
    plot ??= make();
    plot.setData(columns(window.samples, ...spec.questions(window.samples)));
    tell();
    const said = spec.lines.map((line, at) => `${line.name} ${figures[at]?.textContent ?? NONE}`);
    plotPlace.setAttribute('aria-label', `${spec.title}, newest: ${said.join(', ')}`);
  }

  return {
    element,
    draw,
    restyle() {
      plot?.destroy();
      plot = undefined;
      if (shown !== undefined) draw(shown);
    },
  };
}

function fromZero(_plot: Plot, _low: number | null, high: number | null): [number, number] {
  return [0, high === null || high <= 0 ? 1 : high * 1.1];
}

function decades(_plot: Plot, low: number | null, high: number | null): [number, number] {
  const least = low === null || low <= 0 ? 1e-4 : low;
  const most = high === null || high <= 0 ? 1e-1 : high;
  const bottom = 10 ** Math.floor(Math.log10(least));
  return [bottom, Math.max(10 ** Math.ceil(Math.log10(most)), bottom * 10)];
}

function decadeOnly(value: number): number | null {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-6 ? value : null;
}

/** None so near to the edge that it would be cut. */
function labels(plot: Plot, times: readonly number[]): string[] {
  const right = plot.bbox.width / devicePixelRatio - 14;
  return times.map((time) => (plot.valToPos(time, 'x') > right ? '' : timeLabel(time)));
}

function timeLabel(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    ...(seconds % 60 === 0 ? {} : { second: '2-digit' }),
    hour12: false,
  });
}
