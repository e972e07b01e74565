// Rows of numbers as the addon writes them, made into records. Goes by the names of the columns, so that their order is
// the addon's business alone.

import type { RecordBatch } from './binding.ts';
import { CLOSE_REASONS, CONNECT_FAILURES, type EndedSession, type TcpFacts } from './engine.ts';

/** Bits of `firstEnds`; the backend's are those of the client, shifted by two. */
const FIN = 1;
const RST = 2;

type Columns = Readonly<Record<Column, number>>;
type Column = (typeof COLUMNS)[number];
export const COLUMNS = [
  'worker',
  'listener',
  'pool',
  'backend',
  'reason',
  'failure',
  'attempts',
  'warm',
  'firstEnds',
  'reset',
  'backendEnded',
  'clientStuck',
  'backendStuck',
  'clientPort',
  'localPort',
  'endedAtMs',
  'durationMs',
  'waitedMs',
  'handshakeMs',
  'clientByteMs',
  'backendByteMs',
  'turns',
  'turnsMs',
  'longestTurnMs',
  'toBackendBytes',
  'toClientBytes',
  'clientRttMs',
  'clientRttVarianceMs',
  'clientRetransmits',
  'backendRttMs',
  'backendRttVarianceMs',
  'backendRetransmits',
] as const;

/** Throws where the addon does not have a column: it belongs to another version. */
export function createRecordReader(names: readonly string[]): (batch: RecordBatch) => EndedSession[] {
  const at = Object.fromEntries(
    COLUMNS.map((column) => {
      const index = names.indexOf(column);
      if (index === -1) throw new Error(`the addon records no ${column}`);
      return [column, index];
    }),
  ) as Columns;
  const width = names.length;

  return ({ values, addresses }) => {
    const records: EndedSession[] = [];
    for (let row = 0; row * width < values.length; row += 1) {
      const value = (column: Column): number => values[row * width + at[column]] ?? NaN;
      records.push(record(value, addresses[row * 2] ?? '', addresses[row * 2 + 1] ?? ''));
    }
    return records;
  };
}

function record(value: (column: Column) => number, client: string, local: string): EndedSession {
  const maybe = (column: Column): number | undefined => {
    const number = value(column);
    return Number.isNaN(number) ? undefined : number;
  };
  const tcp = (rtt: Column, variance: Column, retransmits: Column): TcpFacts => ({
    rttMs: maybe(rtt),
    rttVarianceMs: maybe(variance),
    retransmits: maybe(retransmits),
  });
  const ends = value('firstEnds');
  const failure = maybe('failure');
  return {
    worker: value('worker'),
    listener: value('listener'),
    pool: value('pool'),
    backend: maybe('backend'),
    client,
    clientPort: value('clientPort'),
    local,
    localPort: value('localPort'),
    reason: CLOSE_REASONS[value('reason')] ?? 'finished',
    failure: failure === undefined ? undefined : CONNECT_FAILURES[failure],
    attempts: value('attempts'),
    warm: value('warm') === 1,
    clientEndedFirst: howEnded(ends),
    backendEndedFirst: howEnded(ends >> 2),
    reset: value('reset') === 1,
    backendEnded: value('backendEnded') === 1,
    clientStuck: value('clientStuck') === 1,
    backendStuck: value('backendStuck') === 1,
    endedAtMs: value('endedAtMs'),
    durationMs: value('durationMs'),
    waitedMs: maybe('waitedMs'),
    handshakeMs: maybe('handshakeMs'),
    clientByteMs: maybe('clientByteMs'),
    backendByteMs: maybe('backendByteMs'),
    turns: value('turns'),
    turnsMs: value('turnsMs'),
    longestTurnMs: value('longestTurnMs'),
    toBackendBytes: value('toBackendBytes'),
    toClientBytes: value('toClientBytes'),
    clientTcp: tcp('clientRttMs', 'clientRttVarianceMs', 'clientRetransmits'),
    backendTcp: tcp('backendRttMs', 'backendRttVarianceMs', 'backendRetransmits'),
  };
}

function howEnded(bits: number): 'fin' | 'rst' | undefined {
  if ((bits & RST) !== 0) return 'rst';
  return (bits & FIN) !== 0 ? 'fin' : undefined;
}
