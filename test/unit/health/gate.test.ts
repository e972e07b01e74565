// So many at once, in order, and nobody is forgotten.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGate } from '#src/health/gate.js';

describe('createGate', () => {
  it('lets so many in at once, the others in order', () => {
    const gate = createGate(2);
    const entered: number[] = [];
    const leave = [1, 2, 3, 4].map((n) => gate.enter(() => entered.push(n)));
    assert.deepEqual(entered, [1, 2]);
    leave[1]?.();
    assert.deepEqual(entered, [1, 2, 3]);
    leave[1]?.();
    assert.deepEqual(entered, [1, 2, 3], 'leaving twice gives one place back');
    leave[0]?.();
    assert.deepEqual(entered, [1, 2, 3, 4]);
  });

  it('forgets who leaves before his turn', () => {
    const gate = createGate(1);
    const entered: number[] = [];
    const leave = [1, 2, 3].map((n) => gate.enter(() => entered.push(n)));
    leave[1]?.();
    leave[0]?.();
    assert.deepEqual(entered, [1, 3]);
  });

  it('lets nobody in once it is closed', () => {
    const gate = createGate(1);
    const entered: number[] = [];
    const leave = [1, 2].map((n) => gate.enter(() => entered.push(n)));
    gate.close();
    leave[0]?.();
    gate.enter(() => entered.push(3));
    assert.deepEqual(entered, [1]);
  });
});
