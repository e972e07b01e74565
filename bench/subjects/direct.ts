// No proxy at all: the client talks to the backends. What is left is the cost of the load itself, which every other
// figure contains; a generator that is the bottleneck shows here first.

import type { Subject } from './subject.ts';

export const direct: Subject = {
  id: 'direct',
  family: 'direct',
  setup: 'no proxy',
  start: () => Promise.resolve({ pids: [], target: 'direct', stop: () => Promise.resolve() }),
};
