// What the tests of the packed format share: arbitrary filters, and bits to compare.
import fc from 'fast-check';
import {BLOCK_SIZES, blockRows, type BlockSize, type FilterShape} from '../../src/packed';

/** A filter with its block size and the mask of blocks that hold something. */
export interface FilterCase {
  readonly shape: FilterShape;
  readonly n: BlockSize;
  readonly weights: Float32Array;
  /** `[blockRows, inChannels]`. */
  readonly keep: Uint8Array;
}

/** Bit patterns that a float copy could spoil: signalling and quiet NaNs with payloads, -0, denormals, infinities. */
const AWKWARD_BITS = [0x7fa12345, 0xffc54321, 0x7f800001, 0x80000000, 0x00000001, 0x807fffff, 0x7f800000, 0xff800000];

const arbitraryShape: fc.Arbitrary<FilterShape> = fc.record({
  kh: fc.integer({min: 1, max: 3}),
  kw: fc.integer({min: 1, max: 3}),
  inChannels: fc.integer({min: 1, max: 7}),
  outChannels: fc.integer({min: 1, max: 40}),
});

/** Filters with any bits in the kept blocks and +0 elsewhere: ragged and empty rows come by themselves. */
export function filtersOf(shapes: fc.Arbitrary<FilterShape>): fc.Arbitrary<FilterCase> {
  return fc
    .tuple(shapes, fc.constantFrom(...BLOCK_SIZES), fc.constantFrom([0, 1], [0], [1]))
    .chain(([shape, n, keepBits]) => {
      const blocks = blockRows(shape, n) * shape.inChannels;
      return fc.record({
        shape: fc.constant(shape),
        n: fc.constant(n),
        keep: fc.array(fc.constantFrom(...keepBits), {minLength: blocks, maxLength: blocks}),
        seed: fc.integer(),
        awkward: fc.constantFrom(0, 0.1, 1),
      });
    })
    .map(({shape, n, keep, seed, awkward}) => ({
      shape,
      n,
      keep: Uint8Array.from(keep),
      weights: fill(shape, n, keep, seed, awkward),
    }));
}

export const arbitraryFilter = filtersOf(arbitraryShape);

/** Random bits in the kept blocks, of which a share `awkward` is taken from the list above. */
function fill(shape: FilterShape, n: BlockSize, keep: readonly number[], seed: number, awkward: number): Float32Array {
  const {kh, kw, inChannels, outChannels} = shape;
  const bits = new Uint32Array(kh * kw * inChannels * outChannels);
  let state = seed >>> 0;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  for (let i = 0; i < bits.length; i++) {
    const row = Math.floor((i % outChannels) / n);
    const column = Math.floor(i / outChannels) % inChannels;
    const special = random() / 2 ** 32 < awkward;
    const value = special ? AWKWARD_BITS[random() >>> 29] : random();
    if (keep[row * inChannels + column]) bits[i] = value;
  }
  return new Float32Array(bits.buffer);
}

/** The bits of floats as integers, so that NaN payloads and the sign of zero count. */
export function bitsOf(values: Float32Array): number[] {
  return Array.from(new Uint32Array(values.buffer, values.byteOffset, values.length));
}
