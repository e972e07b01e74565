// The engine over the addon: the one that serves. The only importer of a loaded Binding besides tests.

import type { Binding } from './binding.ts';
import type { Engine, EngineEvent } from './engine.ts';
import { createRecordReader } from './records.ts';

export function createNativeEngine(
  binding: Binding,
  onEvents: (events: readonly EngineEvent[]) => void,
): Engine {
  const core = binding.create(onEvents);
  const read = createRecordReader(binding.recordColumns);
  return {
    apply: (snapshot) => binding.apply(core, snapshot),
    read: () => binding.read(core),
    drain: (deadlineMs, pace) => binding.drain(core, deadlineMs, pace),
    shed: (order) => binding.shed(core, order),
    stop: () => binding.stop(core),
    sessions: (limit) => binding.sessions(core, limit),
    takeEnded: (limit) => read(binding.records(core, limit)),
    kill: (worker, id) => binding.kill(core, worker, id),
    latencyBounds: binding.latencyBounds,
  };
}
