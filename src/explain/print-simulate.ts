// A simulation as text for people: one table for each pool, today's figures beside those of the change.

import { printText } from '../config/kinds.ts';
import type { BackendLoad, Placement, PoolSimulation, Simulation } from './simulate.ts';
import { percent, table } from './table.ts';

export function printSimulation({ clients, seed, pools }: Simulation): string {
  const isChange = pools.some(({ after }) => after !== undefined);
  return [
    `${clients} clients, one session each, seed ${seed}\n`,
    ...pools.map((pool) => `\n${printPool(pool, isChange)}`),
  ].join('');
}

function printPool(simulated: PoolSimulation, isChange: boolean): string {
  const { before, after } = simulated;
  const [one, other] = [before, after].map((placement) => placement?.algorithm);
  const algorithm =
    one !== undefined && other !== undefined && one !== other ? `${one} -> ${other}` : (one ?? other ?? '');
  const only = before === undefined ? ' (new)' : isChange && after === undefined ? ' (gone)' : '';
  return [
    `pool ${printText(simulated.pool)}: ${algorithm}${only}\n`,
    table(rowsOf(before, after)),
    ...summary('today', before),
    ...summary('changed', after),
    ...movedLine(simulated),
  ].join('');
}

function rowsOf(before: Placement | undefined, after: Placement | undefined): readonly (readonly string[])[] {
  const [old, fresh] = [before, after].map(
    (placement) => new Map(placement?.backends.map((each) => [each.backend, each])),
  );
  const names = [...new Set([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])])];
  const isCompared = before !== undefined && after !== undefined;
  const head = ['clients', 'share', 'expected'];
  const titles = isCompared
    ? [...head.map((each) => `today ${each}`), ...head.map((each) => `changed ${each}`)]
    : head;
  return [
    ['backend', ...titles],
    ...names.map((name) => [
      name,
      ...(before === undefined ? [] : cells(old?.get(name))),
      ...(after === undefined ? [] : cells(fresh?.get(name))),
    ]),
  ];
}

function cells(load: BackendLoad | undefined): readonly string[] {
  return load === undefined
    ? ['-', '-', '-']
    : [String(load.clients), percent(load.share), percent(load.expected)];
}

function summary(when: string, placement: Placement | undefined): readonly string[] {
  if (placement === undefined) return [];
  const { peak, unserved, backends, grounds } = placement;
  const over = backends.filter(({ overLimit }) => overLimit > 0);
  return [
    ...(grounds === 'primaries' || grounds === 'nobody'
      ? []
      : [`${when}: served by ${grounds === 'backups' ? 'backups' : 'all, up or not'}\n`]),
    ...(peak === undefined
      ? []
      : [
          `${when}: peak ${peak.backend} with ${peak.clients} clients, ${peak.ratio.toFixed(3)} times its share\n`,
        ]),
    ...(unserved > 0 ? [`${when}: ${unserved} clients find nobody\n`] : []),
    ...over.map(
      ({ backend, overLimit }) => `${when}: ${backend} has ${overLimit} more than its max_connections\n`,
    ),
  ];
}

function movedLine({ before, after, moved }: PoolSimulation): readonly string[] {
  if (before === undefined || after === undefined) return [];
  if (moved === undefined) return ['moved: not asked, only ip_hash binds a client to a backend\n'];
  return [`moved: ${moved.clients} clients (${percent(moved.share)}), at best ${percent(moved.ideal)}\n`];
}
