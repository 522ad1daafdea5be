// What is stored of packed filters: kept bits, signs, half precision, checksums.
import fc from 'fast-check';
import {
  blockStatistics,
  checkKept,
  checksum,
  countTapBlocks,
  filterOf,
  fromFloat16,
  keptBits,
  keptBytes,
  negativeZeros,
  packFilter,
  restoreNegativeZeros,
  toFloat16,
  unpackFilter,
  type FilterShape,
} from '../../src/packed';
import {arbitraryFilter, bitsOf} from './filters';

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('kept bits', () => {
  test('and values give the packed filter back', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({shape, n, weights, keep}) => {
        const packed = packFilter(weights, shape, n, keep);
        const bits = keptBits(packed);
        expect(bits).toHaveLength(keptBytes(shape, n));
        checkKept(packed, bits, packed.values.length);
        const read = filterOf(packed, bits, packed.values);
        expect({...read, values: bitsOf(read.values)}).toEqual({...packed, values: bitsOf(packed.values)});
      }),
    );
  });

  test('are written as documented: row by row, the first block in the lowest bit', () => {
    const shape = {kh: 1, kw: 1, inChannels: 3, outChannels: 4};
    const weights = new Float32Array(12);
    weights[0 * 4 + 0] = 1; // input 0, row 0
    weights[2 * 4 + 1] = 1; // input 2, row 0
    weights[1 * 4 + 3] = 1; // input 1, row 1
    expect([...keptBits(packFilter(weights, shape, 2))]).toEqual([0b010101]);
  });

  const layout = {kh: 3, kw: 1, inChannels: 5, outChannels: 6, n: 4 as const};
  test.each([
    ['a byte too few', layout, [1], 12, /1 bytes of kept bits, 2 expected/],
    ['a byte too many', layout, [1, 0, 0], 12, /3 bytes of kept bits, 2 expected/],
    ['a bit beyond the last block', layout, [1, 4], 24, /beyond the last block/],
    ['a value too few', layout, [1, 2], 23, /23 values, 24 expected/],
    ['a dimension of zero', {...layout, kh: 0}, [1, 2], 24, /kh is 0/],
    ['a dimension that is no number', {...layout, inChannels: NaN}, [1, 2], 24, /inChannels is NaN/],
    ['more weights than there can be', {...layout, outChannels: 2 ** 30}, [1, 2], 24, /fewer than 2\^30/],
    ['a block size of its own', {...layout, n: 3 as unknown as 4}, [1, 2], 24, /n is 3/],
  ])('that do not fit are refused: %s', (_, bad, bits, values, message) => {
    expect(() => checkKept(bad, Uint8Array.from(bits), values)).toThrow(message);
  });
});

describe('countTapBlocks', () => {
  test('counts what blockStatistics counts for the filter as a matrix', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({shape, n, weights}) => {
        const {kh, kw, inChannels, outChannels} = shape;
        const matrix = {kh: 1, kw: 1, inChannels: kh * kw * inChannels, outChannels};
        expect(countTapBlocks(packFilter(weights, shape, n))).toEqual(blockStatistics(weights, matrix).kept);
      }),
    );
  });

  test('does not look at the padding of a ragged row', () => {
    const packed = packFilter(Float32Array.of(1, 2, 3), {kh: 1, kw: 1, inChannels: 1, outChannels: 3}, 4);
    packed.values[3] = 5;
    expect(countTapBlocks(packed)).toEqual({1: 3, 2: 2, 4: 1, 8: 1, 16: 1, 32: 1});
  });
});

describe('negativeZeros', () => {
  test('put back what dropping blocks takes from the signs', () => {
    fc.assert(
      fc.property(arbitraryFilter, fc.integer(), ({shape, n, weights, keep}, seed) => {
        // -0 where the mask drops: every other one.
        const signed = weights.slice();
        let state = seed;
        for (let i = 0; i < signed.length; i++) {
          state = (Math.imul(state, 1664525) + 1013904223) | 0;
          if (signed[i] === 0 && state < 0) signed[i] = -0;
        }
        const unpacked = unpackFilter(packFilter(signed, shape, n, keep));
        const words = negativeZeros(signed, unpacked, shape);
        const differs = bitsOf(unpacked).some((bits, i) => bits !== bitsOf(signed)[i]);
        expect(words !== null).toBe(differs);
        if (words) restoreNegativeZeros(unpacked, words, shape);
        expect(bitsOf(unpacked)).toEqual(bitsOf(signed));
      }),
    );
  });

  test('change nothing but zeros', () => {
    const shape: FilterShape = {kh: 1, kw: 1, inChannels: 1, outChannels: 2};
    const weights = Float32Array.of(3, 0);
    restoreNegativeZeros(weights, Int32Array.of(-1), shape);
    expect(bitsOf(weights)).toEqual(bitsOf(Float32Array.of(3, -0)));
  });
});

describe('float16', () => {
  const half = (value: number) => toFloat16(Float32Array.of(value))[0];

  test('every number comes back as the bits that it was', () => {
    const all = Uint16Array.from({length: 0x10000}, (_, bits) => bits);
    const isNan = (bits: number) => (bits & 0x7fff) > 0x7c00;
    const back = toFloat16(fromFloat16(all));
    for (let bits = 0; bits < 0x10000; bits++) {
      if (isNan(bits) ? !isNan(back[bits]) : back[bits] !== bits) throw new Error(`${bits} became ${back[bits]}`);
    }
  });

  test('is rounded to the nearest number, and to the even one of two', () => {
    const magnitudes = Float64Array.from(fromFloat16(Uint16Array.from({length: 0x7c00}, (_, bits) => bits)));
    for (let bits = 0; bits + 1 < 0x7c00; bits++) {
      const [low, high] = [magnitudes[bits], magnitudes[bits + 1]];
      const middle = (low + high) / 2; // exact in float32
      const even = bits % 2 ? bits + 1 : bits;
      const step = (high - low) / 1024;
      const found = [middle - step, middle, middle + step, -middle].map(half);
      if (String(found) !== String([bits, even, bits + 1, even | 0x8000])) throw new Error(`${low}: ${found}`);
    }
  });

  test('has infinities for what is too large, and signs of zero', () => {
    expect([65504, 65519, 65520, -1e30, Infinity, 1e-30, -0].map(half)).toEqual([
      ...[0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00, 0, 0x8000],
    ]);
  });
});

describe('checksum', () => {
  test.each([
    ['', 0],
    ['a', 0x3c2569b2],
    ['test', 0xba6bd213],
    ['Hello, world!', 0xc0363e43],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ])("of '%s' is that of MurmurHash3", (text, expected) => {
    expect(checksum(utf8(text))).toBe(expected);
  });

  test('does not depend on where the bytes lie', () => {
    const bytes = utf8('xxxThe quick brown fox jumps over the lazy dog');
    expect(checksum(bytes.subarray(3))).toBe(0x2e4ff723);
  });

  test('is another for every change of one byte', () => {
    const bytes = utf8('some bytes of a model');
    const expected = checksum(bytes);
    for (let i = 0; i < bytes.length; i++) {
      for (let mask = 1; mask < 256; mask++) {
        bytes[i] ^= mask;
        if (checksum(bytes) === expected) throw new Error(`byte ${i} ^ ${mask}`);
        bytes[i] ^= mask;
      }
    }
  });
});
