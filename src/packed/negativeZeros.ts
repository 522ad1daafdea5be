// -0 counts as zero, and a dropped block loses it. Whoever needs the very bits keeps the signs beside the blocks.
import type {FilterShape} from './types';

/** Output channels of a word. */
const WORD = 32;

/** Words of `negativeZeros`. */
export function signWords({kh, kw, inChannels, outChannels}: FilterShape): number {
  return Math.ceil(outChannels / WORD) * kh * kw * inChannels;
}

/**
 * Where the weights are -0 that `unpacked` has as 0.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major, and `unpacked` likewise
 * @returns one bit a weight, words of 32 output channels, `[ceil(outChannels / 32), kh * kw * inChannels]`; null where
 *     there is none.
 */
export function negativeZeros(weights: Float32Array, unpacked: Float32Array, shape: FilterShape): Int32Array | null {
  const {outChannels} = shape;
  const words = new Int32Array(signWords(shape));
  const k = weights.length / outChannels;
  let found = false;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] !== 0 || !Object.is(weights[i], -0) || Object.is(unpacked[i], -0)) continue;
    const o = i % outChannels;
    words[(o >> 5) * k + (i - o) / outChannels] |= 1 << (o & 31);
    found = true;
  }
  return found ? words : null;
}

/** Puts the signs back into `unpacked`. Bits where it has no zero change nothing. */
export function restoreNegativeZeros(unpacked: Float32Array, words: Int32Array, {outChannels}: FilterShape): void {
  const k = unpacked.length / outChannels;
  for (let i = 0; i < words.length; i++) {
    const row = (i % k) * outChannels + Math.floor(i / k) * WORD;
    for (let bits = words[i]; bits; bits &= bits - 1) {
      const at = row + 31 - Math.clz32(bits & -bits);
      if (unpacked[at] === 0) unpacked[at] = -0;
    }
  }
}
