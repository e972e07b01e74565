// A promise that somebody else resolves.

/** The promise, and what resolves it; harmless when repeated. */
export function latch(): readonly [done: Promise<void>, resolve: () => void] {
  let resolve: () => void = () => undefined;
  const done = new Promise<void>((settle) => (resolve = settle));
  return [done, () => resolve()];
}
