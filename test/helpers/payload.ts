// Bytes that tell where they come from: 8-byte words, a seed and a running number each. A byte that is lost, repeated,
// moved or strayed from another session differs from what its offset asks for. Needs no memory of what was sent.

const WORD = 8;

export interface Payload {
  /** `count` bytes from `offset` on; there is no end. */
  at(offset: number, count: number): Buffer;
  /** Throws, naming the first wrong offset, when these are not the bytes at `offset`. */
  check(bytes: Buffer, offset: number, who: string): void;
}

export function payload(seed: number): Payload {
  function at(offset: number, count: number): Buffer {
    const first = Math.floor(offset / WORD);
    const last = Math.ceil((offset + count) / WORD);
    const words = new Uint32Array((last - first) * 2);
    for (let i = 0, number = first; number < last; number += 1) {
      words[i++] = seed;
      words[i++] = number;
    }
    const start = offset - first * WORD;
    return Buffer.from(words.buffer, start, count);
  }
  return {
    at,
    check(bytes, offset, who) {
      const wanted = at(offset, bytes.length);
      if (wanted.equals(bytes)) return;
      const wrong = bytes.findIndex((byte, i) => byte !== wanted[i]);
      const seen = bytes.subarray(wrong, wrong + 16).toString('hex');
      throw new Error(
        `${who}: byte ${offset + wrong} is not the one that was sent: ${seen} instead of ${wanted.subarray(wrong, wrong + 16).toString('hex')}`,
      );
    },
  };
}

/** A small repeatable source of chance: numbers in [0, 1) from a seed that a failing test can print. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
