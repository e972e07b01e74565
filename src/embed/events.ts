// What a balancer tells the program that it is part of: events as data, and who listens. A listener that throws harms
// nobody but itself: it is reported and the others hear the event all the same.

import type { ConfigDiff } from '../config/diff.ts';
import type { ConfigIssue } from '../config/issue.ts';
import type { Merged } from '../overrides.ts';

export type BalancerEvent =
  | BackendEvent<'backend-up'>
  | BackendEvent<'backend-down'>
  | {
      readonly type: 'reloaded';
      readonly generation: number;
      readonly diff: ConfigDiff;
      /** What became of run-time changes; empty where there were none. */
      readonly merged: readonly Merged[];
    }
  | {
      readonly type: 'reload-refused';
      readonly message: string;
      /** Places in the config, where it is the config that is wrong. */
      readonly issues: readonly ConfigIssue[];
    }
  /** A worker has run out of descriptors or memory and accepts nobody for a moment. */
  | {
      readonly type: 'accept-paused';
      readonly listener: string;
      readonly worker: number;
      readonly cause: string;
    }
  | { readonly type: 'accept-resumed'; readonly worker: number }
  | { readonly type: 'draining' }
  /** Nothing follows. */
  | { readonly type: 'stopped' };

interface BackendEvent<T extends string> {
  readonly type: T;
  readonly pool: string;
  /** `host:port` as configured. */
  readonly backend: string;
  /** How the probe ended, as in HAProxy: `L4OK`, `L4CON`, `L7STS`, … */
  readonly code: string;
  readonly detail: string;
}

export type EventType = BalancerEvent['type'];
export type EventOf<T extends EventType> = Extract<BalancerEvent, { readonly type: T }>;
export type BalancerListener<T extends EventType> = (event: EventOf<T>) => void;

export interface Emitter {
  /** Returns the way to stop listening. */
  on<T extends EventType>(type: T, listener: BalancerListener<T>): () => void;
  emit(event: BalancerEvent): void;
}

export function createEmitter(onListenerError: (error: unknown, type: EventType) => void): Emitter {
  const listeners = new Map<EventType, Set<(event: BalancerEvent) => void>>();
  return {
    on(type, listener) {
      const heard = listener as (event: BalancerEvent) => void;
      // Two calls are two listeners, even with one function: each has its own way out.
      const entry = (event: BalancerEvent): void => heard(event);
      const known = listeners.get(type) ?? new Set();
      listeners.set(type, known.add(entry));
      return () => void known.delete(entry);
    },
    emit(event) {
      for (const listener of [...(listeners.get(event.type) ?? [])]) {
        try {
          listener(event);
        } catch (error) {
          onListenerError(error, event.type);
        }
      }
    },
  };
}
