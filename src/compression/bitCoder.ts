import {CONTEXTS} from './symbols';

/** Codes bits that are expected with the probability that they had in their context so far. */
export interface BitCoder {
  /**
   * Codes one bit.
   *
   * @param wanted the bit, for whoever writes or weighs it
   * @returns the bit: the one that was read, or `wanted`
   */
  bit(context: number, wanted?: number): number;
}

/** Bits of a context after which the latest ones weigh no more than before. */
const MEMORY = 60;

/**
 * An adaptive binary arithmetic coder; what reader and writer have in common.
 *
 * An interval of 32-bit numbers is split in proportion to the probability of the bit, and one part kept. Plain arithmetic
 * on doubles, which is the same everywhere.
 */
export abstract class ArithmeticCoder implements BitCoder {
  /** Of a 1, in each context. */
  readonly probabilities = new Float64Array(CONTEXTS).fill(0.5);
  private readonly counts = new Uint8Array(CONTEXTS);
  protected low = 0;
  protected high = 0xffffffff;

  /** Which part of the interval is kept: 1 for the lower one, up to and with `middle`. */
  protected abstract choose(middle: number, wanted: number): number;
  /** Moves on by the given byte, which all numbers of the interval begin with. */
  protected abstract shift(byte: number): void;

  bit(context: number, wanted = 0): number {
    const {probabilities, counts} = this;
    const middle = this.low + Math.floor((this.high - this.low) * bounded(probabilities[context]));
    const bit = this.choose(middle, wanted);
    if (bit) this.high = middle;
    else this.low = middle + 1;
    while (this.low >>> 24 === this.high >>> 24) {
      this.shift(this.low >>> 24);
      this.low = (this.low << 8) >>> 0;
      this.high = ((this.high << 8) | 255) >>> 0;
    }
    probabilities[context] += (bit - probabilities[context]) / (counts[context] + 2);
    if (counts[context] < MEMORY) counts[context]++;
    return bit;
  }
}

/** A probability that leaves the unlikely bit a part of any interval. */
export function bounded(probability: number): number {
  return (probability * 4094 + 1) / 4096;
}
