// Records of ended sessions for the program that a balancer is part of: the same records as in the access log, under the
// same bounds, handed to one function. Without a function nothing is recorded and nothing wakes.

import { createCollector } from '../access-log/collector.ts';
import { type Names, type SessionRecord, sessionRecord } from '../access-log/record.ts';
import { recordingOf } from '../access-log/settings.ts';
import type { Config } from '../config/config.ts';
import type { Engine, Recording } from '../engine/engine.ts';

export type SessionListener = (session: SessionRecord) => void;

export interface SessionFeedParts {
  readonly listener: SessionListener | undefined;
  readonly engine: () => Pick<Engine, 'takeEnded'>;
  readonly names: () => Names;
  readonly complain: (message: string) => void;
}

export interface SessionFeed {
  /** What the data plane is to record under this config. */
  wanted(config: Config): Recording | undefined;
  /** Hands on all records that there are. */
  collect(): void;
  start(): void;
  /** After it has handed on the last ones. */
  stop(): void;
  counts(): { readonly written: number; readonly dropped: number };
}

export function createSessionFeed({ listener, engine, names, complain }: SessionFeedParts): SessionFeed {
  let delivered = 0;
  const collector = createCollector({
    take: (limit) => engine().takeEnded(limit),
    deliver(sessions) {
      const known = names();
      let failures = 0;
      let first: unknown;
      for (const session of sessions) {
        try {
          listener?.(sessionRecord(session, known));
        } catch (error) {
          if (failures++ === 0) first = error;
        }
      }
      delivered += sessions.length;
      // One line for a batch: a function that always throws would fill the log.
      if (failures > 0)
        complain(`onSession throws, ${failures} times of ${sessions.length}: ${String(first)}`);
    },
    isBehind: () => false,
  });
  const on = listener !== undefined;

  return {
    wanted: (config) => (on ? recordingOf(config.log.access) : undefined),
    collect() {
      if (on) collector.collect();
    },
    start() {
      if (on) collector.start();
    },
    stop() {
      collector.stop();
      if (on) collector.collect();
    },
    counts: () => ({ written: delivered, dropped: 0 }),
  };
}
