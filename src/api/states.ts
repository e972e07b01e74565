// The state of a backend in one word, and the letters that stand for these words in samples. Pure.

import type { BackendState, BackendView } from './views.ts';

/** `removed`: no longer in the config, its last sessions are still there. */
export function stateOf({
  configured,
  up,
  hold,
}: Pick<BackendView, 'configured' | 'up' | 'hold'>): BackendState | 'removed' {
  if (!configured) return 'removed';
  return hold ?? (up ? 'up' : 'down');
}

export const STATE_LETTERS: Readonly<Record<BackendState, string>> = {
  up: 'u',
  down: 'd',
  drain: 'r',
  maintenance: 'm',
};

const BY_LETTER: ReadonlyMap<string, BackendState> = new Map(
  (Object.entries(STATE_LETTERS) as [BackendState, string][]).map(([state, letter]) => [letter, state]),
);

/** undefined for a letter that stands for nothing. */
export function stateByLetter(letter: string): BackendState | undefined {
  return BY_LETTER.get(letter);
}
