// Rise and fall, verdict by verdict. `+` is a success, `-` a failure, `?` inconclusive; U and D what follows.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Verdict } from '#src/health/health.js';
import { type HealthState, initialState, isSettled, observe, suspect } from '#src/health/state.js';

const verdicts: Record<string, Verdict> = {
  '+': { outcome: 'pass', code: 'L7OK', detail: '200' },
  '-': { outcome: 'fail', code: 'L7STS', detail: 'status 503' },
  '?': { outcome: 'inconclusive', code: 'SOCKERR', detail: 'EMFILE' },
};

function run(
  begin: HealthState,
  observed: string,
  thresholds = { unhealthy_threshold: 3, healthy_threshold: 2 },
): string {
  let state = begin;
  let told = '';
  for (const sign of observed) {
    state = observe(state, verdicts[sign] as Verdict, thresholds);
    told += state.up ? 'U' : 'D';
  }
  return told;
}

describe('observe', () => {
  const up = initialState(true);
  const down = initialState(false);

  it('takes a backend out at the last of so many failures in a row, not before', () => {
    assert.equal(run(up, '--+--+---'), 'UUUUUUUUD');
  });

  it('brings it back at the last of so many successes in a row', () => {
    assert.equal(run(down, '+-+-++'), 'DDDDDU');
  });

  it('counts anew after each change', () => {
    assert.equal(run(up, '---++--+---'), 'UUDDUUUUUUD');
  });

  it('changes nothing while answers alternate', () => {
    assert.equal(run(up, '-+'.repeat(50), { unhealthy_threshold: 2, healthy_threshold: 2 }), 'U'.repeat(100));
  });

  it('leaves the count as it is when nothing could be asked', () => {
    assert.equal(run(up, '--????-'), 'UUUUUUD');
    assert.equal(run(down, '+?+'), 'DDU');
  });

  it('needs one of each with thresholds of one', () => {
    assert.equal(run(up, '-+-+', { unhealthy_threshold: 1, healthy_threshold: 1 }), 'DUDU');
  });

  it('tells the last verdict and how far it has come', () => {
    const thresholds = { unhealthy_threshold: 3, healthy_threshold: 2 };
    const falling = observe(up, verdicts['-'] as Verdict, thresholds);
    assert.deepEqual(falling, { up: true, rising: 0, falling: 1, code: 'L7STS', detail: 'status 503' });
    assert.equal(isSettled(falling), false);
    assert.equal(isSettled(observe(falling, verdicts['+'] as Verdict, thresholds)), true);
    assert.equal(observe(down, verdicts['+'] as Verdict, thresholds).rising, 1);
  });
});

describe('suspect', () => {
  const thresholds = { unhealthy_threshold: 3, healthy_threshold: 2 };
  const up = initialState(true);

  it('brings a backend to one failed probe from being taken out, and no further', () => {
    const suspected = suspect(up, 50, thresholds);
    assert.deepEqual([suspected.up, suspected.falling, suspected.code], [true, 2, 'PASSIVE']);
    assert.equal(observe(suspected, verdicts['-'] as Verdict, thresholds).up, false);
    assert.equal(observe(suspected, verdicts['+'] as Verdict, thresholds).falling, 0);
  });

  it('does not lower a count, and says nothing of one that is down', () => {
    const falling = observe(
      observe(up, verdicts['-'] as Verdict, thresholds),
      verdicts['-'] as Verdict,
      thresholds,
    );
    assert.equal(suspect(falling, 1, thresholds), falling);
    const down = initialState(false);
    assert.equal(suspect(down, 9, thresholds), down);
  });

  it('leaves it to the probe where one failure is enough', () => {
    assert.equal(suspect(up, 9, { unhealthy_threshold: 1, healthy_threshold: 1 }), up);
  });
});
