import fc from 'fast-check';
import {
  allBlocks,
  BLOCK_SIZES,
  blockRows,
  nonzeroBlocks,
  packFilter,
  unpackFilter,
  type BlockSize,
} from '../../src/packed';
import {arbitraryFilter, bitsOf} from './filters';

const shape1x1 = {kh: 1, kw: 1, inChannels: 3, outChannels: 5};

describe('packFilter', () => {
  it('is undone bit by bit by unpackFilter, for the blocks of any mask', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({weights, shape, n, keep}) => {
        const packed = packFilter(weights, shape, n, keep);
        expect(bitsOf(unpackFilter(packed))).toEqual(bitsOf(weights));
      }),
      {numRuns: 300},
    );
  });

  it('is undone bit by bit with every block kept, whatever the weights', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({weights, shape, n}) => {
        const packed = packFilter(weights, shape, n, allBlocks(shape, n));
        expect(packed.columns).toHaveLength(blockRows(shape, n) * shape.inChannels);
        expect(bitsOf(unpackFilter(packed))).toEqual(bitsOf(weights));
      }),
    );
  });

  it('loses nothing but the sign of zeros without a mask', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({weights, shape, n}) => {
        const unpacked = bitsOf(unpackFilter(packFilter(weights, shape, n)));
        const lost = bitsOf(weights).filter((bits, i) => bits !== unpacked[i]);
        expect(lost.every((bits) => bits === 0x80000000)).toBe(true);
      }),
    );
  });

  it('keeps the order of the format: block rows, ascending columns, taps, filters', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({weights, shape, n, keep}) => {
        const {kh, kw, inChannels, outChannels} = shape;
        const packed = packFilter(weights, shape, n, keep);
        const values: number[] = [];
        const columns: number[] = [];
        const rowStart = [0];
        for (let r = 0; r < Math.ceil(outChannels / n); r++) {
          for (let c = 0; c < inChannels; c++) {
            if (keep[r * inChannels + c] === 0) continue;
            columns.push(c);
            for (let tap = 0; tap < kh * kw; tap++) {
              for (let o = r * n; o < (r + 1) * n; o++) {
                values.push(o < outChannels ? bitsOf(weights)[(tap * inChannels + c) * outChannels + o] : 0);
              }
            }
          }
          rowStart.push(columns.length);
        }
        expect(bitsOf(packed.values)).toEqual(values);
        expect(Array.from(packed.columns)).toEqual(columns);
        expect(Array.from(packed.rowStart)).toEqual(rowStart);
      }),
    );
  });

  it('packs a small filter as one does by hand', () => {
    // Columns are output channels; the second block row is ragged.
    const weights = Float32Array.of(1, 2, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 5);
    const packed = packFilter(weights, shape1x1, 4);
    expect(Array.from(packed.rowStart)).toEqual([0, 3, 4]);
    expect(Array.from(packed.columns)).toEqual([0, 1, 2, 2]);
    expect(Array.from(packed.values)).toEqual([1, 2, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 5, 0, 0, 0]);
  });

  it('keeps -0 where the mask says so, and drops it by default', () => {
    const weights = new Float32Array(15).fill(-0);
    const kept = packFilter(weights, shape1x1, 2, allBlocks(shape1x1, 2));
    expect(bitsOf(unpackFilter(kept))).toEqual(bitsOf(weights));
    expect(packFilter(weights, shape1x1, 2).columns).toHaveLength(0);
  });

  it('reads and writes views that start within their buffer', () => {
    const buffer = new Float32Array(20).fill(9);
    const weights = buffer.subarray(3, 18);
    const packed = packFilter(weights, shape1x1, 2);
    const shifted = new Float32Array(packed.values.length + 1);
    shifted.set(packed.values, 1);
    expect(unpackFilter({...packed, values: shifted.subarray(1)})).toEqual(new Float32Array(15).fill(9));
  });

  it.each([
    ['a weight too few', () => packFilter(new Float32Array(14), shape1x1, 4), /14 weights, but 1 x 1 x 3 x 5 = 15/],
    ['a mask too short', () => packFilter(new Float32Array(15), shape1x1, 4, new Uint8Array(5)), /mask has 5 entries/],
    ['an unknown N', () => packFilter(new Float32Array(15), shape1x1, 3 as BlockSize), /n is 3/],
    ['no taps', () => packFilter(new Float32Array(0), {...shape1x1, kh: 0}, 4), /kh is 0/],
    ['half a channel', () => packFilter(new Float32Array(0), {...shape1x1, inChannels: 0.5}, 4), /inChannels is 0.5/],
  ])('refuses %s', (_, pack, message) => {
    expect(pack).toThrow(RangeError);
    expect(pack).toThrow(message);
  });
});

describe('nonzeroBlocks', () => {
  it.each(BLOCK_SIZES)('marks a block of N = %d if and only if it holds something', (n) => {
    fc.assert(
      fc.property(arbitraryFilter, ({weights, shape}) => {
        const {inChannels, outChannels} = shape;
        const mask = new Uint8Array(Math.ceil(outChannels / n) * inChannels);
        weights.forEach((weight, i) => {
          const row = Math.floor((i % outChannels) / n);
          const column = Math.floor(i / outChannels) % inChannels;
          if (Number.isNaN(weight) || Math.abs(weight) > 0) mask[row * inChannels + column] = 1;
        });
        expect(nonzeroBlocks(weights, shape, n)).toEqual(mask);
      }),
      {numRuns: 30},
    );
  });
});
