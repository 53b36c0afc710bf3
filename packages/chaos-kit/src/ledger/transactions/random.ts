/** Small generator of random numbers from 0 up to 1 (xorshift32): a seed repeats what it gives. */
export function randomOf(seed: number): () => number {
  let state = Math.imul(seed | 0, 0x9e3779b1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
