// The published page is what its results file makes, not what somebody wrote. Without results there is no page.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { load, root, skip } from './compiled.ts';
import { fakeResults, rounds } from './fake-results.ts';

interface Written {
  readonly json: string;
  readonly page: string;
  readonly chart: string;
}

const { readResults, serialise } = await load<{
  readResults(file: string): object;
  serialise(results: object): string;
}>('lib/results.js');
const { obstacles, resultsName, writeOut, writeReport } = await load<{
  writeReport(results: object, page: string, chart: string, source: string): void;
  writeOut(results: object, folder: string): Written;
  obstacles(results: object): string[];
  resultsName(results: object): string;
}>('report/publish.js');

const folder = join(root, 'bench', 'results');
const page = join(root, 'docs', 'benchmarks.md');
const chart = join(root, 'docs', 'benchmarks.svg');
const complete = fakeResults(
  rounds(10, 'B.64', { direct: 0, ours: 50, control: 50, 'haproxy-default': 100 }),
);

describe('published results', { skip }, () => {
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

  it('are behind the page and the chart, to the letter', () => {
    assert.equal(existsSync(page), files.length > 0, 'a page without results, or results without a page');
    if (files.length === 0) return;
    const temporary = mkdtempSync(join(tmpdir(), 'published-'));
    try {
      const same = files.some((name) => {
        const source = join(folder, name);
        writeReport(
          readResults(source),
          join(temporary, 'benchmarks.md'),
          join(temporary, 'benchmarks.svg'),
          source,
        );
        const equal = (ours: string, theirs: string): boolean =>
          readFileSync(join(temporary, ours), 'utf8') === readFileSync(theirs, 'utf8');
        return equal('benchmarks.md', page) && equal('benchmarks.svg', chart);
      });
      assert.ok(same, 'npm run bench -- --report bench/results/… makes another page');
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });

  it('are fit to be: full rounds of a known commit, with ours in them', () => {
    assert.deepEqual(obstacles(complete), []);
    assert.equal(obstacles({ ...complete, quick: true }).length, 1);
    assert.equal(obstacles({ ...complete, rounds: 9 }).length, 1);
    assert.equal(obstacles({ ...complete, subjects: [] }).length, 1);
    const half = rounds(10, 'B.64', { ours: 50, control: 50 }).map((trial) => ({
      ...trial,
      disturbances: trial.round % 2 === 0 ? ['steal 1.0 %'] : [],
    }));
    assert.equal(obstacles(fakeResults(half)).length, 1);
  });
});

describe('a results file', { skip }, () => {
  it('comes back as it was, with a line for each trial', () => {
    const temporary = mkdtempSync(join(tmpdir(), 'results-'));
    try {
      const written = writeOut(complete, temporary);
      assert.deepEqual(readResults(written.json), complete);
      const { trials } = complete as { trials: object[] };
      assert.ok(serialise(complete).split('\n').length > trials.length);
      assert.match(readFileSync(written.page, 'utf8'), /benchmarks\.svg/);
      assert.match(readFileSync(written.chart, 'utf8'), /^<svg /);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });

  it('is named by machine and day', () => {
    assert.equal(resultsName(complete), 'some-cpu-family-1-model-2-2cpu-2026-01-02.json');
  });

  it('of another format is refused', () => {
    const temporary = mkdtempSync(join(tmpdir(), 'results-'));
    try {
      const { json } = writeOut({ ...complete, format: 99 }, temporary);
      assert.throws(() => readResults(json), /not results of format/);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });
});
