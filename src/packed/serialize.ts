import {blockRows} from './pack';
import {BLOCK_SIZES, type BlockSize, type FilterShape, type PackedFilter} from './types';

/** "1XNB", read as a little-endian number. */
const MAGIC = 0x424e5831;
const VERSION = 1;
const HEADER = ['magic', 'version', 'n', 'kh', 'kw', 'inChannels', 'outChannels', 'blocks'] as const;
const HEADER_BYTES = 4 * HEADER.length;
/** The dense weights of 2^30 floats would fill all of WebAssembly's 4 GiB: no filter has as many. */
const MAX_WEIGHTS = 2 ** 30;

/**
 * The bytes of a packed filter. Everything is little-endian and four bytes wide:
 *
 * | offset                | type                   | field                                              |
 * |-----------------------|------------------------|----------------------------------------------------|
 * | 0                     | 4 characters           | magic, `1XNB`                                      |
 * | 4                     | uint32                 | version, 1                                         |
 * | 8                     | uint32                 | N: 1, 2, 4, 8, 16 or 32                            |
 * | 12, 16                | uint32, uint32         | kh, kw                                             |
 * | 20, 24                | uint32, uint32         | input channels, output channels                    |
 * | 28                    | uint32                 | count, the number of kept blocks                   |
 * | 32                    | int32[rows + 1]        | rowStart; rows = ceil(output channels / N)         |
 * | 36 + 4 rows           | int32[count]           | columns                                            |
 * | 36 + 4 (rows + count) | float32[count kh kw N] | values, N innermost; ragged rows are padded with 0 |
 *
 * @throws RangeError naming the field, if `packed` breaks the rules of the format (see `deserializeFilter`).
 */
export function serializeFilter(packed: PackedFilter): Uint8Array {
  const {kh, kw, inChannels, outChannels, n, rowStart, columns, values} = packed;
  const blocks = columns.length;
  assertBlockSize(n);
  const lengths = checkSizes(packed, blocks);
  checkLength('rowStart', rowStart, lengths.rowStart);
  checkLength('values', values, lengths.values);
  checkIndex(packed);
  checkPadding(packed);

  const header = Uint32Array.of(MAGIC, VERSION, n, kh, kw, inChannels, outChannels, blocks);
  const bytes = new Uint8Array(lengths.bytes);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const part of [header, rowStart, columns, intBits(values)]) {
    for (let i = 0; i < part.length; i++, offset += 4) view.setInt32(offset, part[i], true);
  }
  return bytes;
}

/**
 * Reads what `serializeFilter` wrote. The bytes may come from anywhere: all of them are checked before anybody sees the
 * filter, so that a kernel can trust its index. `bytes` need not be aligned; the result is a copy.
 *
 * @throws RangeError naming the field: wrong magic, version or N; a dimension below 1; a dense filter of 2^30 weights or
 *     more; a length that does not fit the header exactly; `rowStart` not monotone from 0 to the number of blocks;
 *     `columns` out of range or not strictly ascending within a row; padding of a ragged row that is not zero.
 */
export function deserializeFilter(bytes: Uint8Array): PackedFilter {
  if (bytes.byteLength < HEADER_BYTES) {
    throw new RangeError(`packed filter: ${bytes.byteLength} bytes, shorter than the header of ${HEADER_BYTES}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [magic, version, n, kh, kw, inChannels, outChannels, blocks] = HEADER.map((_, i) =>
    view.getUint32(4 * i, true),
  );
  if (magic !== MAGIC)
    throw new RangeError(`packed filter: magic is 0x${magic.toString(16)}, not that of a packed filter`);
  if (version !== VERSION) throw new RangeError(`packed filter: version is ${version}, only ${VERSION} can be read`);
  assertBlockSize(n);
  const lengths = checkSizes({kh, kw, inChannels, outChannels, n}, blocks);
  if (bytes.byteLength !== lengths.bytes) {
    throw new RangeError(`packed filter: ${bytes.byteLength} bytes, but by its header it has ${lengths.bytes}`);
  }

  const columnsOffset = HEADER_BYTES + 4 * lengths.rowStart;
  const packed: PackedFilter = {
    kh,
    kw,
    inChannels,
    outChannels,
    n,
    rowStart: readInts(view, HEADER_BYTES, lengths.rowStart),
    columns: readInts(view, columnsOffset, blocks),
    values: new Float32Array(readInts(view, columnsOffset + 4 * blocks, lengths.values).buffer),
  };
  checkIndex(packed);
  checkPadding(packed);
  return packed;
}

/** Checks the header's numbers and gives the lengths that follow from them. Every product is exact in a double. */
export function checkSizes(shape: FilterShape & {readonly n: BlockSize}, blocks: number) {
  const {kh, kw, inChannels, outChannels, n} = shape;
  let weights = 1;
  for (const [name, size] of Object.entries({kh, kw, inChannels, outChannels})) {
    if (!Number.isInteger(size) || size < 1) throw badField(name, size, 'an integer >= 1');
    weights *= size;
    if (weights >= MAX_WEIGHTS)
      throw badField(name, size, `fewer than 2^30 weights (${kh} x ${kw} x ${inChannels} x ${outChannels})`);
  }
  const rows = blockRows(shape, n);
  if (blocks > rows * inChannels) throw badField('blocks', blocks, `at most ${rows} block rows x ${inChannels}`);
  const values = blocks * kh * kw * n;
  return {rowStart: rows + 1, values, bytes: HEADER_BYTES + 4 * (rows + 1 + blocks + values)};
}

function checkIndex({rowStart, columns, inChannels}: PackedFilter): void {
  const rows = rowStart.length - 1;
  if (rowStart[0] !== 0) throw badField('rowStart[0]', rowStart[0], '0');
  if (rowStart[rows] !== columns.length)
    throw badField(`rowStart[${rows}]`, rowStart[rows], `${columns.length}, the number of blocks`);
  // All offsets first: only then is it safe to follow them.
  for (let r = 0; r < rows; r++) {
    if (rowStart[r + 1] < rowStart[r])
      throw badField(`rowStart[${r + 1}]`, rowStart[r + 1], `at least rowStart[${r}] = ${rowStart[r]}`);
  }
  for (let r = 0; r < rows; r++) {
    let previous = -1;
    for (let block = rowStart[r]; block < rowStart[r + 1]; block++) {
      const column = columns[block];
      if (column <= previous || column >= inChannels) {
        throw badField(`columns[${block}]`, column, `more than ${previous} and less than ${inChannels}`);
      }
      previous = column;
    }
  }
}

/** The filters that a ragged last row lacks must be +0 in every bit: kernels multiply them. */
function checkPadding({kh, kw, outChannels, n, rowStart, values}: PackedFilter): void {
  const filters = outChannels % n;
  if (filters === 0) return;
  const bits = intBits(values);
  const firstVector = rowStart[rowStart.length - 2] * kh * kw * n;
  for (let vector = firstVector; vector < bits.length; vector += n) {
    for (let i = vector + filters; i < vector + n; i++) {
      if (bits[i] !== 0)
        throw badField(`values[${i}]`, values[i], `0, the padding beyond ${outChannels} output channels`);
    }
  }
}

function checkLength(name: string, array: {readonly length: number}, expected: number): void {
  if (array.length !== expected) throw badField(`${name}.length`, array.length, `${expected}`);
}

function badField(name: string, value: number, expected: string): RangeError {
  return new RangeError(`packed filter: ${name} is ${value}, expected ${expected}`);
}

export function assertBlockSize(n: number): asserts n is BlockSize {
  if (!BLOCK_SIZES.some((size) => size === n)) throw badField('n', n, `one of ${BLOCK_SIZES.join(', ')}`);
}

/** The same memory as integers: copying floats may quieten a signalling NaN. */
function intBits(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

function readInts(view: DataView, offset: number, count: number): Int32Array {
  const ints = new Int32Array(count);
  for (let i = 0; i < count; i++) ints[i] = view.getInt32(offset + 4 * i, true);
  return ints;
}
