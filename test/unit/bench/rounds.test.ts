// The order of trials: every subject once in every round, the same for the same seed; a disturbed round is given up and
// run again, so often and no more.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { load, skip } from './compiled.ts';
import { fakeTrial } from './fake-results.ts';

interface Asked {
  readonly workload: { readonly id: string };
  readonly subject: { readonly id: string };
  readonly round: number;
  readonly net: number;
  readonly seed: number;
}
interface Trial {
  readonly round: number;
  readonly workload: string;
  readonly subject: string;
  readonly disturbances: readonly string[];
}

const { runRounds } = await load<{
  runRounds(
    plan: object,
    bench: object,
    run: (bench: object, asked: Asked) => Promise<object>,
  ): Promise<Trial[]>;
}>('rounds.js');
const { createRandom } = await load<{ createRandom(seed: number): object }>('lib/random.js');
const { chooseWorkloads } = await load<{ chooseWorkloads(text: string): object[] }>('workloads.js');

const bench = { warmUpSeconds: 1, windowSeconds: 3 };
const subjects = ['direct', 'ours', 'net'].map((id) => ({ id, family: id }));

function plan(rounds: number, seed: number, lines: string[] = []): object {
  return {
    workloads: chooseWorkloads('B.1,C'),
    subjects,
    rounds,
    random: createRandom(seed),
    seed,
    untilQuiet: () => Promise.resolve(),
    tell: (line: string) => void lines.push(line),
  };
}

/** `disturbed` says which of all trials, counted from 1, somebody disturbed. */
function runner(disturbed: (n: number, asked: Asked) => boolean, seen: Asked[] = []) {
  return (_bench: object, asked: Asked): Promise<object> => {
    seen.push(asked);
    const disturbances = disturbed(seen.length, asked) ? ['strangers'] : [];
    const { round, workload, subject } = asked;
    return Promise.resolve(
      fakeTrial({ round, workload: workload.id, subject: subject.id, cost: 1, disturbances }),
    );
  };
}

const never = (): boolean => false;
const names = (trials: readonly Trial[]): string[] =>
  trials.map((t) => `${t.round} ${t.workload} ${t.subject}`);

describe('rounds', { skip }, () => {
  it('have every subject once in every workload, side by side, in an order that the seed makes', async () => {
    const trials = await runRounds(plan(3, 5), bench, runner(never));
    assert.equal(new Set(names(trials)).size, 3 * 2 * 3);
    assert.equal(trials.length, 3 * 2 * 3);
    for (let at = 0; at < trials.length; at += 3) {
      const block = trials.slice(at, at + 3);
      assert.equal(new Set(block.map((t) => `${t.round} ${t.workload}`)).size, 1);
    }
    assert.deepEqual(names(await runRounds(plan(3, 5), bench, runner(never))), names(trials));
    assert.notDeepEqual(names(await runRounds(plan(3, 6), bench, runner(never))), names(trials));
  });

  it('give each trial a net of its own, and all subjects of a round one schedule', async () => {
    const seen: Asked[] = [];
    await runRounds(plan(2, 5), bench, runner(never, seen));
    assert.equal(new Set(seen.map((asked) => asked.net)).size, seen.length);
    for (const asked of seen) assert.equal(asked.seed, 5 + asked.round);
  });

  it('are given up when disturbed, and run again from the start', async () => {
    const lines: string[] = [];
    const trials = await runRounds(
      plan(1, 5, lines),
      bench,
      runner((n) => n === 2),
    );
    // Two of the first try, then all three again, then the other workload.
    assert.equal(trials.length, 2 + 3 + 3);
    assert.equal(trials[0]?.workload, trials[4]?.workload);
    assert.ok(lines.some((line) => line.includes('was disturbed: again')));
  });

  it('are run again half as often as there are rounds, and no more', async () => {
    const trials = await runRounds(
      plan(4, 5),
      bench,
      runner((_n, asked) => asked.workload.id === 'C'),
    );
    // Four rounds and two repetitions of C, each given up at its first trial.
    assert.equal(trials.filter((t) => t.workload === 'C').length, 4 + 2);
    assert.equal(trials.filter((t) => t.workload === 'B.1').length, 4 * 3);
  });

  it('tell how long is left, which comes to nothing at the end', async () => {
    const lines: string[] = [];
    await runRounds(plan(2, 5, lines), bench, runner(never));
    assert.match(lines[0] ?? '', /left \d/);
    assert.match(lines.at(-1) ?? '', /left 0 s/);
  });
});
