// Clients for a simulation: distinct IPv4 addresses, scattered, the same ones for the same seed.

/** As many as there are addresses. */
export const MOST_CLIENTS = 1_000_000;

/** Calls `visit` with the four bytes of each; the array is used again, do not keep it. */
export function eachClient(
  count: number,
  seed: number,
  visit: (client: Uint8Array, index: number) => void,
): void {
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  const start = scatter(seed | 0);
  for (let index = 0; index < count; index += 1) {
    view.setUint32(0, scatter((start + index) | 0));
    visit(bytes, index);
  }
}

/** One to one on 32 bits, hence distinct numbers stay distinct; not the hash that places clients, nor akin to it. */
function scatter(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x21f0aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
