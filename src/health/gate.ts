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
      let place: 'waiting' | 'taken' | 'left' = 'waiting';
      const enter = (): void => {
        place = 'taken';
        taken += 1;
        run();
      };
      waiting.add(enter);
      admit();
      return () => {
        const before = place;
        place = 'left';
        waiting.delete(enter);
        if (before !== 'taken') return;
        taken -= 1;
        admit();
      };
    },
    close() {
      closed = true;
    },
  };
}
