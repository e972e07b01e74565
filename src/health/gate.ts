// So many at once and no more: the others wait their turn in order. Bounded by whoever enters, since each check enters
// once at a time. Knows nothing of what it lets through.

export interface Gate {
  /** Runs `enter` at once or when a place is free; the answer gives the place back, or leaves the queue. */
  enter(run: () => void): () => void;
  /** Nobody is let in any more. */
  close(): void;
}

export function createGate(places: number): Gate {
  const waiting = new Set<() => void>();
  let taken = 0;
  let closed = false;

  function admit(): void {
    for (const enter of waiting) {
      if (closed || taken >= places) return;
      waiting.delete(enter);
      enter();
    }
  }

  return {
    enter(run) {
      let hasPlace = false;
      const enter = (): void => {
        hasPlace = true;
        taken += 1;
        run();
      };
      if (closed || taken >= places) waiting.add(enter);
      else enter();
      return () => {
        if (!hasPlace) {
          waiting.delete(enter);
          return;
        }
        hasPlace = false;
        taken -= 1;
        admit();
      };
    },
    close() {
      closed = true;
    },
  };
}
