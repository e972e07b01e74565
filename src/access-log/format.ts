// A record as a line. Text has a fixed number of fields with a space between each, so that awk and cut can count them; a
// field that has nothing to tell is a dash, and parts of a field are set apart by slashes. Pure.

import type { AccessLogFormat } from '../config/config.ts';
import type { SessionRecord } from './record.ts';

/** Names have no control characters: the config refuses them. So this is one line, and safe to look at. */
export function jsonLine(record: SessionRecord): string {
  return JSON.stringify(record);
}

/** What the fields of a text line are, in their order. */
export const TEXT_FIELDS: readonly string[] = [
  'time',
  'client',
  'listener',
  'local',
  'pool/backend',
  'code',
  'reason',
  'closed_by/closed_how',
  'wait_ms/connect_ms/client_byte_ms/backend_byte_ms/duration_ms',
  'to_backend_bytes/to_client_bytes',
  'turns/turns_ms/longest_turn_ms',
  'attempts/connect_failure',
  'client_rtt_ms/client_rtt_variance_ms/client_retransmits',
  'backend_rtt_ms/backend_rtt_variance_ms/backend_retransmits',
];

export function textLine(record: SessionRecord): string {
  const parts = (...values: readonly (string | number | null)[]): string =>
    values.map((value) => value ?? '-').join('/');
  return [
    record.time,
    record.client,
    word(record.listener),
    record.local ?? '-',
    parts(word(record.pool), record.backend),
    record.code,
    record.reason,
    parts(record.closed_by, record.closed_how),
    parts(
      record.wait_ms,
      record.connect_ms,
      record.client_byte_ms,
      record.backend_byte_ms,
      record.duration_ms,
    ),
    parts(record.to_backend_bytes, record.to_client_bytes),
    parts(record.turns, record.turns_ms, record.longest_turn_ms),
    parts(record.attempts, record.connect_failure),
    parts(record.client_rtt_ms, record.client_rtt_variance_ms, record.client_retransmits),
    parts(record.backend_rtt_ms, record.backend_rtt_variance_ms, record.backend_retransmits),
  ].join(' ');
}

export function lineOf(format: AccessLogFormat): (record: SessionRecord) => string {
  return format === 'json' ? jsonLine : textLine;
}

/** Stands where records were dropped: not a record, and not to be taken for one. */
export function droppedLine(format: AccessLogFormat, count: number, time: Date): string {
  const at = time.toISOString();
  return format === 'json' ? JSON.stringify({ time: at, dropped: count }) : `# ${at} ${count} dropped`;
}

/** Names may have spaces, and a slash would look like the end of them. */
function word(name: string): string {
  return name.replace(/[\s/%]/gu, encodeURIComponent);
}
