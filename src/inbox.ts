// Signals to a process that serves, or is about to: those that came while nobody was there yet to obey them are kept.
// What ends it besides is told here too, so that there is one end. Knows no config.

import type { Balancer } from './balancer.ts';
import { handleSignals } from './signals.ts';

export interface InboxParts {
  /** Returns when another config is in force or refused. */
  readonly reload: (balancer: Balancer) => void;
  readonly upgrade: () => void;
  readonly reopenLogs: () => void;
  /** It has begun to end, for this reason; '' where a signal is the reason. */
  readonly onLeave: (why: string) => void;
}

export interface Inbox {
  /** Obeys from now on; resolves when the last session has ended. */
  attach(balancer: Balancer): Promise<void>;
  /** Ends it as a signal would, but without the delay that lets others notice: somebody else serves. */
  leave(why: string): void;
}

export function createInbox({ reload, upgrade, reopenLogs, onLeave }: InboxParts): Inbox {
  let balancer: Balancer | undefined;
  let asked = 0;
  let reloadAsked = false;
  let ended: ((done: Promise<void>) => void) | undefined;
  let leaving = false;

  function leave(why: string): void {
    if (balancer === undefined || ended === undefined) return;
    if (leaving) return void balancer.end();
    leaving = true;
    const done = balancer.end({ delay: why === '' });
    onLeave(why);
    ended(done);
  }

  handleSignals({
    end(times) {
      asked = times;
      leave('');
    },
    reload() {
      reloadAsked = balancer === undefined;
      if (balancer !== undefined && !leaving) reload(balancer);
    },
    upgrade() {
      if (balancer !== undefined && !leaving) upgrade();
    },
    reopenLogs,
  });
  return {
    leave,
    attach(serving) {
      balancer = serving;
      return new Promise((resolve, reject) => {
        ended = (done) => void done.then(resolve, reject);
        if (reloadAsked) reload(serving);
        for (let times = 0; times < Math.min(asked, 2); times++) leave('');
      });
    },
  };
}
