// What a balancer writes to its access log, read back.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { SessionRecord } from '#src/access-log/record.js';
import type { Case } from './balancer.ts';
import { until } from './deadline.ts';

/** Of the case alone, and gone at its end. */
export function folder(lab: Case): string {
  const path = mkdtempSync(join(tmpdir(), 'ub-access-'));
  lab.atEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Whole lines only: the last one may still be written. */
export function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

export function recordsOf(file: string): SessionRecord[] {
  return linesOf(file).map((line) => JSON.parse(line) as SessionRecord);
}

/** Once there are that many. */
export function records(file: string, count = 1): Promise<SessionRecord[]> {
  return until(
    () => {
      const found = recordsOf(file);
      return found.length >= count && found;
    },
    () => `${count} records in ${file}: ${recordsOf(file).length}`,
  );
}
