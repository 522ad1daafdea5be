/**
 * A deterministic source of uniform numbers in [0, 1): mulberry32 (public domain, Tommy Ettinger), equal on every
 * engine. Not for cryptography.
 */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed for one layer, so that equal shapes do not get equal scores: FNV-1a of the name, started from `seed`. */
export function layerSeed(seed: number, name: string): number {
  let hash = Math.imul(seed | 0, 0x9e3779b1) ^ 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash | 0;
}
