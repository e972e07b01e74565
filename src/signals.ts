// Signals mapped to verbs. Handlers are in place before anything is opened, so that no moment of the start is without.
// SIGUSR1 would open Node's debugger: a handler of our own takes its place.

export interface SignalVerbs {
  /** The first SIGTERM or SIGINT, then every further one. */
  end(times: number): void;
  reload(): void;
  upgrade(): void;
  reopenLogs(): void;
}

/** Returns the way to take the handlers away again. */
export function handleSignals(verbs: SignalVerbs): () => void {
  let ends = 0;
  const handlers: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', () => verbs.end(++ends)],
    ['SIGINT', () => verbs.end(++ends)],
    ['SIGHUP', () => verbs.reload()],
    ['SIGUSR1', () => verbs.reopenLogs()],
    ['SIGUSR2', () => verbs.upgrade()],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
