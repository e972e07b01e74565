// Who hears of what.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { createEmitter } from '#src/embed/events.js';

it('everybody who listens hears, in order, until they stop; who throws harms nobody', () => {
  const errors: unknown[] = [];
  const heard: string[] = [];
  const { on, emit } = createEmitter((error, type) => errors.push(`${type}: ${String(error)}`));
  const both = (): void => void heard.push('twice');
  const offs = [on('stopped', both), on('stopped', both)];
  on('draining', () => heard.push('another event'));
  on('stopped', () => {
    throw new Error('mine');
  });
  const off = on('stopped', () => {
    heard.push('last');
    off();
  });
  emit({ type: 'stopped' });
  assert.deepEqual(heard, ['twice', 'twice', 'last']);
  offs[0]?.();
  offs[0]?.();
  emit({ type: 'stopped' });
  assert.deepEqual(heard, ['twice', 'twice', 'last', 'twice']);
  assert.deepEqual(errors, ['stopped: Error: mine', 'stopped: Error: mine']);
});
