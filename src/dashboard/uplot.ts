// The chart library, from the file that the balancer serves. Browsers know no packages, so it is asked for by its path;
// its types are the package's.

import type uPlotType from 'uplot';

const PATH = '/assets/uplot.js';

const loaded = (await import(/* served beside the page */ PATH)) as { readonly default: typeof uPlotType };

export const UPlot: typeof uPlotType = loaded.default;
/** The package has it as an enum that exists for compilers alone. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a const enum has no value to name under isolatedModules
export const LOGARITHMIC = 3 as uPlotType.Scale.Distr;
export type Plot = uPlotType;
export type PlotOptions = uPlotType.Options;
export type PlotData = uPlotType.AlignedData;
