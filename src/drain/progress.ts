// When a drain is worth a line: when half of those who were left are gone, and now and then while anything changes. So
// the number of lines is bounded by how long it takes, not by how many sessions there are. Pure.

/** Between two lines that tell of less than a half. */
const TELL_EVERY_MS = 30_000;

export interface Progress {
  /** Whether to tell that so many are left now. */
  look(left: number, now: number): boolean;
}

export function createProgress(atStart: number, startedAt: number): Progress {
  let told = atStart;
  let toldAt = startedAt;
  return {
    look(left, now) {
      const half = left * 2 <= told && left > 0;
      const late = left !== told && now - toldAt >= TELL_EVERY_MS;
      if (!half && !late) return false;
      told = left;
      toldAt = now;
      return true;
    },
  };
}
