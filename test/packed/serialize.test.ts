import fc from 'fast-check';
import {
  BLOCK_SIZES,
  deserializeFilter,
  packFilter,
  serializeFilter,
  unpackFilter,
  type BlockSize,
  type PackedFilter,
} from '../../src/packed';
import {arbitraryFilter, bitsOf, filtersOf, type FilterCase} from './filters';

const HEADER_BYTES = 32;

const pack = ({weights, shape, n, keep}: FilterCase) => packFilter(weights, shape, n, keep);
const arbitraryPacked = arbitraryFilter.map(pack);
/** Small enough to try every byte. */
const smallPacked = filtersOf(
  fc.record({
    kh: fc.integer({min: 1, max: 2}),
    kw: fc.integer({min: 1, max: 2}),
    inChannels: fc.integer({min: 1, max: 3}),
    outChannels: fc.integer({min: 1, max: 9}),
  }),
).map(pack);

/** Two block rows of N = 4, the second ragged with one filter; its bytes are written out in the first test. */
const small = packFilter(
  Float32Array.of(1, 2, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0, 5),
  {kh: 1, kw: 1, inChannels: 3, outChannels: 5},
  4,
);

/** The small filter's bytes with the uint32 at `offset` set to `value`. */
function damaged(offset: number, value: number): Uint8Array {
  const bytes = serializeFilter(small);
  new DataView(bytes.buffer).setUint32(offset, value, true);
  return bytes;
}

/** The decoded filter, or null where decoding refuses the bytes by a check of its own (not by a read out of range). */
function decode(bytes: Uint8Array): PackedFilter | null {
  try {
    return deserializeFilter(bytes);
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith('packed filter: ')) return null;
    throw error;
  }
}

/** The rules of the format, written anew: what is wrong with a decoded filter. */
function problems({kh, kw, inChannels, outChannels, n, rowStart, columns, values}: PackedFilter): string[] {
  const rows = Math.ceil(outChannels / n);
  const found: string[] = [];
  const check = (holds: boolean, problem: string) => holds || found.push(problem);
  check(BLOCK_SIZES.includes(n), 'n');
  check(
    [kh, kw, inChannels, outChannels].every((size) => Number.isInteger(size) && size > 0),
    'dimensions',
  );
  check(rowStart.length === rows + 1, 'length of rowStart');
  check(rowStart[0] === 0 && rowStart[rows] === columns.length, 'ends of rowStart');
  check(values.length === columns.length * kh * kw * n, 'length of values');
  for (let r = 0; r < rows; r++) {
    const row = Array.from(columns.subarray(rowStart[r], rowStart[r + 1]));
    check(rowStart[r] <= rowStart[r + 1], 'order of rowStart');
    check(
      row.every((column) => column >= 0 && column < inChannels),
      'range of columns',
    );
    check(
      row.every((column, i) => i === 0 || row[i - 1] < column),
      'order of columns',
    );
  }
  const lastRow = bitsOf(values).slice(rowStart[rows - 1] * kh * kw * n);
  const padded = lastRow.filter((_, i) => (rows - 1) * n + (i % n) >= outChannels);
  check(
    padded.every((bits) => bits === 0),
    'padding',
  );
  return found;
}

describe('serializeFilter', () => {
  it('writes the documented layout', () => {
    const ints = [4, 1, 1, 3, 5, 4, /* rowStart */ 0, 3, 4, /* columns */ 0, 1, 2, 2];
    const values = [1, 2, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 5, 0, 0, 0];
    const expected = Buffer.concat([
      Buffer.from('1XNB'),
      Buffer.from('01000000', 'hex'),
      ...ints.map((value) => Buffer.from([value, 0, 0, 0])),
      ...values.map((value) => {
        const bytes = Buffer.alloc(4);
        bytes.writeFloatLE(value);
        return bytes;
      }),
    ]);
    expect(Buffer.from(serializeFilter(small)).toString('hex')).toBe(expected.toString('hex'));
  });

  it.each<[string, Partial<PackedFilter>, RegExp]>([
    ['an unknown N', {n: 3 as BlockSize}, /n is 3/],
    ['a dimension below 1', {kw: 0}, /kw is 0/],
    ['a rowStart too short', {rowStart: Int32Array.of(0, 4)}, /rowStart.length is 2, expected 3/],
    ['values too short', {values: new Float32Array(15)}, /values.length is 15, expected 16/],
    ['a column out of range', {columns: Int32Array.of(0, 1, 3, 2)}, /columns\[2\] is 3/],
    ['padding that is not zero', {values: new Float32Array(16).fill(-0)}, /values\[13\] is 0.*padding/],
  ])('refuses a filter with %s', (_, change, message) => {
    expect(() => serializeFilter({...small, ...change})).toThrow(RangeError);
    expect(() => serializeFilter({...small, ...change})).toThrow(message);
  });
});

describe('deserializeFilter', () => {
  it('gives back what was written, bit by bit', () => {
    fc.assert(
      fc.property(arbitraryPacked, (packed) => {
        const decoded = deserializeFilter(serializeFilter(packed));
        expect({...decoded, values: bitsOf(decoded.values)}).toEqual({...packed, values: bitsOf(packed.values)});
        expect(bitsOf(unpackFilter(decoded))).toEqual(bitsOf(unpackFilter(packed)));
      }),
      {numRuns: 300},
    );
  });

  it('reads bytes at any alignment and keeps no reference to them', () => {
    fc.assert(
      fc.property(arbitraryPacked, fc.integer({min: 0, max: 7}), (packed, shift) => {
        const bytes = serializeFilter(packed);
        const buffer = new Uint8Array(bytes.length + 16).fill(0xff);
        buffer.set(bytes, shift);
        const decoded = deserializeFilter(buffer.subarray(shift, shift + bytes.length));
        buffer.fill(0);
        expect(serializeFilter(decoded)).toEqual(bytes);
      }),
    );
  });

  it('refuses every truncation, and trailing bytes', () => {
    fc.assert(
      fc.property(smallPacked, (packed) => {
        const bytes = serializeFilter(packed);
        const accepted = [...bytes.keys()].filter((length) => decode(bytes.subarray(0, length)) !== null);
        expect(accepted).toEqual([]);
        expect(decode(Uint8Array.of(...bytes, 0))).toBeNull();
        expect(decode(Uint8Array.of(...bytes, 0, 0, 0, 0))).toBeNull();
      }),
      {numRuns: 30},
    );
  });

  it('turns every changed byte of header or index into an error or a valid filter of equal size', () => {
    fc.assert(
      fc.property(smallPacked, (packed) => {
        const bytes = serializeFilter(packed);
        const end = HEADER_BYTES + 4 * (packed.rowStart.length + packed.columns.length);
        const wrong: string[] = [];
        for (let i = 0; i < end; i++) {
          for (let change = 1; change < 256; change++) {
            bytes[i] ^= change;
            const decoded = decode(bytes);
            if (decoded) {
              const found = problems(decoded);
              if (!Buffer.from(serializeFilter(decoded)).equals(bytes)) found.push('other bytes when written again');
              if (found.length > 0) wrong.push(`byte ${i} ^ ${change}: ${found.join(', ')}`);
            }
            bytes[i] ^= change;
          }
        }
        expect(wrong).toEqual([]);
      }),
      {numRuns: 30},
    );
  });

  it('accepts a change that leaves the filter valid', () => {
    // Two of the ragged row's padded filters become output channels.
    expect(deserializeFilter(damaged(24, 7))).toEqual({...small, outChannels: 7});
  });

  it('survives arbitrary words behind a good magic and version', () => {
    const start = serializeFilter(small).subarray(0, 8);
    const words = fc.array(fc.oneof(fc.integer({min: 0, max: 4}), fc.integer()), {maxLength: 40});
    fc.assert(
      fc.property(words, (ints) => {
        const decoded = decode(Uint8Array.of(...start, ...new Uint8Array(Int32Array.from(ints).buffer)));
        expect(decoded ? problems(decoded) : []).toEqual([]);
      }),
      {numRuns: 2000},
    );
  });

  it.each([
    ['magic', damaged(0, 1), /magic is 0x1/],
    ['version', damaged(4, 2), /version is 2/],
    ['N', damaged(8, 5), /n is 5/],
    ['kh of zero', damaged(12, 0), /kh is 0/],
    ['input channels whose product overflows', damaged(20, 0xffffffff), /inChannels is 4294967295.*2\^30/],
    ['output channels whose product overflows', damaged(24, 0x7fffffff), /outChannels is 2147483647.*2\^30/],
    ['more blocks than fit', damaged(28, 7), /blocks is 7, expected at most 2 block rows x 3/],
    ['fewer blocks than bytes', damaged(28, 3), /bytes, but by its header it has/],
    ['start of rowStart', damaged(32, 1), /rowStart\[0\] is 1, expected 0/],
    ['end of rowStart', damaged(40, 3), /rowStart\[2\] is 3, expected 4/],
    ['descending rowStart', damaged(36, 5), /rowStart\[2\] is 4, expected at least rowStart\[1\] = 5/],
    ['negative rowStart', damaged(36, 0xffffffff), /rowStart\[1\] is -1/],
    ['column out of range', damaged(52, 3), /columns\[2\] is 3/],
    ['negative column', damaged(44, 0xffffffff), /columns\[0\] is -1/],
    ['column given twice', damaged(48, 0), /columns\[1\] is 0, expected more than 0/],
    ['padding', damaged(112, 0x80000000), /values\[13\] is 0/],
  ])('names the field that is wrong: %s', (_, bytes, message) => {
    expect(() => deserializeFilter(bytes)).toThrow(RangeError);
    expect(() => deserializeFilter(bytes)).toThrow(message);
  });

  it('allocates nothing for a header that asks for more than its bytes hold', () => {
    // 2^29 weights by a header of 32 bytes: all blocks kept would take gigabytes.
    const bytes = new Uint8Array(HEADER_BYTES);
    const header = [1, 4, 1, 1, 2 ** 15, 2 ** 14 - 1, 2 ** 27 - 2 ** 15];
    bytes.set(Buffer.from('1XNB'));
    header.forEach((value, i) => new DataView(bytes.buffer).setUint32(4 + 4 * i, value, true));
    expect(() => deserializeFilter(bytes)).toThrow(/32 bytes, but by its header it has 2\d{9}/);
  });
});
