// The engine over the addon: the one that serves. The only importer of a loaded Binding besides tests.

import type { Binding } from './binding.ts';
import type { EngineEvent, NativeEngine } from './engine.ts';
import { createRecordReader } from './records.ts';

export function createNativeEngine(
  binding: Binding,
  onEvents: (events: readonly EngineEvent[]) => void,
): NativeEngine {
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
    adopt: (descriptor) => binding.adopt(core, descriptor),
    setOwner: (user, group) => binding.setOwner(core, user, group),
    offer: () => binding.offer(core),
    letGo: (addresses) => binding.letGo(core, addresses),
    steerAgain: () => binding.steerAgain(core),
  };
}
