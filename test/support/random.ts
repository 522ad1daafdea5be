/** Deterministic random numbers (mulberry32), so that a failing case fails again. */
export function randomNumbers(seed: number): () => number {
  const {imul} = Math; // each use of Math is slow inside Jest
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = imul(t ^ (t >>> 15), t | 1);
    t ^= t + imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Floats in [-1, 1). */
export function randomFloats(length: number, random: () => number): Float32Array {
  return Float32Array.from({length}, () => random() * 2 - 1);
}

/**
 * Weights `[k, outChannels]` of which whole 1xN blocks are zero.
 *
 * @param density share of blocks that stay.
 */
export function blockSparseFloats(
  k: number,
  outChannels: number,
  n: number,
  density: number,
  random: () => number,
): Float32Array {
  const weights = randomFloats(k * outChannels, random);
  for (let first = 0; first < outChannels; first += n) {
    for (let c = 0; c < k; c++) {
      if (random() < density) continue;
      for (let o = first; o < Math.min(first + n, outChannels); o++) weights[c * outChannels + o] = 0;
    }
  }
  return weights;
}
