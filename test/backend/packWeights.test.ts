import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, configure} from '../../src';
import {countBlocks, packWeights, type WeightMatrix} from '../../src/backend/packWeights';
import {BLOCK_SIZES} from '../../src/packed';
import {layerStatistics, type LayerPath} from '../../src/plan';
import {type HeapWeights, PoolFailure, unpackWeights} from '../../src/runtime';
import {useVariant, VARIANTS} from '../support/backends';
import {blockSparseFloats, randomFloats, randomNumbers} from '../support/random';
import {uploadWeights} from '../support/uploadWeights';

type PackedPath = Exclude<LayerPath, {kind: 'stock' | 'winograd'}>;

const PATHS: readonly PackedPath[] = [{kind: 'dense'}, ...BLOCK_SIZES.map((n) => ({kind: 'packed', n}) as const)];

/** [k, outChannels]; the last one is large enough for several threads. */
const SHAPES = [
  [1, 1],
  [3, 2],
  [1, 33],
  [7, 31],
  [5, 32],
  [20, 70],
  [9, 4],
  [2, 100],
  [300, 257],
] as const;

/** Signalling and quiet NaNs with payloads, denormals, infinities. */
const AWKWARD_BITS = [0x7fa12345, 0xffc54321, 0x7f800001, 0x00000001, 0x807fffff, 0x7f800000, 0xff800000];

const backend = () => tf.backend() as BlockSparseBackend;

/** Sparse weights with some of every awkward number, and -0 among the zeros where asked for. */
function awkwardWeights(k: number, outChannels: number, negativeZeros: boolean): Float32Array<ArrayBuffer> {
  const random = randomNumbers(k * 1000 + outChannels);
  const weights = Float32Array.from(blockSparseFloats(k, outChannels, 4, 0.4, random));
  const bits = new Uint32Array(weights.buffer);
  for (let i = 0; i < bits.length; i++) {
    if (bits[i] === 0) bits[i] = negativeZeros && random() < 0.5 ? 0x80000000 : 0;
    else if (random() < 0.1) bits[i] = AWKWARD_BITS[Math.floor(random() * AWKWARD_BITS.length)];
  }
  return weights;
}

/** Bits as text: Jest takes seconds to compare long arrays. */
const hex = (words: Int32Array) => Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString('hex');
const bitsAt = (address: number, bytes: number) => hex(backend().heap.i32.slice(address / 4, (address + bytes) / 4));

/** Runs a test on weights in the heap, as they lie or transposed, and frees them. */
function withMatrix(weights: Float32Array, outChannels: number, transposed: boolean, test: (m: WeightMatrix) => void) {
  const k = weights.length / outChannels;
  const source = new Int32Array(weights.buffer, weights.byteOffset, weights.length);
  const {heap} = backend();
  const address = heap.allocate(4 * weights.length);
  for (let i = 0; i < source.length; i++) {
    const [c, o] = [Math.floor(i / outChannels), i % outChannels];
    heap.i32[address / 4 + (transposed ? o * k + c : i)] = source[i];
  }
  try {
    test({address, k, outChannels, transposed});
  } finally {
    heap.free(address);
  }
}

/** Values and index, without where they lie. */
function contents(weights: HeapWeights) {
  const {values, columns, rowStart, negativeZeros, bytes, ...rest} = weights;
  const signs = negativeZeros ? bytes - (negativeZeros - values) : 0;
  const index = columns ? columns - values : bytes;
  const blocks = columns ? backend().heap.i32[columns / 4 - 1] : 0;
  const kept = new Uint16Array(backend().heap.memory.buffer, columns, blocks);
  return {
    ...rest,
    rowStart: rowStart - values,
    bytes: bytes - signs,
    bits: bitsAt(values, index),
    columns: kept.join(),
  };
}

describe.each(VARIANTS)('packing on kernels (%s)', (variant) => {
  beforeAll(() => useVariant(variant));
  afterAll(() => configure({threads: 'auto'}));

  describe.each([1, 3])('on %i threads', (threads) => {
    beforeAll(async () => {
      configure({threads});
      await useVariant(variant);
      expect(backendInfo().threads).toBe(threads);
    });

    it.each(SHAPES)('counts the blocks of [%i, %i] as src/packed does', (k, outChannels) => {
      const weights = awkwardWeights(k, outChannels, true);
      const {kept} = layerStatistics(weights, {kh: 1, kw: 1, inChannels: k, outChannels});
      for (const transposed of [false, true]) {
        withMatrix(weights, outChannels, transposed, (matrix) => {
          expect(countBlocks(backend(), matrix).kept).toEqual(kept);
        });
      }
    });

    it.each(SHAPES)('packs [%i, %i] for every path to the bits of src/packed, and unpacks it', (k, outChannels) => {
      const {heap} = backend();
      for (const negativeZeros of [false, true]) {
        const weights = awkwardWeights(k, outChannels, negativeZeros);
        for (const transposed of [false, true]) {
          withMatrix(weights, outChannels, transposed, (matrix) => {
            const before = bitsAt(matrix.address, 4 * weights.length);
            const counts = countBlocks(backend(), matrix);
            for (const path of PATHS) {
              const dense = path.kind === 'dense';
              const packed = packWeights(backend(), matrix, counts, path);
              const reference = uploadWeights(heap, weights, outChannels, dense ? 8 : path.n, dense);
              expect(contents(packed)).toEqual(contents(reference));
              const to = heap.allocate(4 * weights.length);
              heap.i32.fill(-1, to / 4, to / 4 + weights.length);
              unpackWeights(heap, packed, to, transposed);
              expect(bitsAt(to, 4 * weights.length)).toBe(before);
              for (const address of [to, packed.values, reference.values]) heap.free(address);
            }
          });
        }
      }
    });
  });

  it('packs what is nothing but zeros', () => {
    const weights = new Float32Array(40 * 12).fill(-0);
    withMatrix(weights, 12, false, (matrix) => {
      const packed = packWeights(backend(), matrix, countBlocks(backend(), matrix), {kind: 'packed', n: 4});
      expect(bitsAt(packed.rowStart, 16)).toBe(hex(new Int32Array(4)));
      unpackWeights(backend().heap, packed, matrix.address, false);
      expect(bitsAt(matrix.address, 4 * weights.length)).toBe(hex(new Int32Array(weights.buffer)));
      backend().heap.free(packed.values);
    });
  });

  it('packs once more, elsewhere, if a worker died over it, and frees what it had if something else failed', () => {
    const {heap, runner} = backend();
    const weights = randomFloats(24 * 40, randomNumbers(5));
    withMatrix(weights, 40, false, (matrix) => {
      const counts = countBlocks(backend(), matrix);
      const run = jest.spyOn(runner, 'run');
      const free = jest.spyOn(heap, 'free');
      const allocate = jest.spyOn(heap, 'allocate');
      run.mockImplementationOnce(() => {
        throw new PoolFailure('lost');
      });
      const packed = packWeights(backend(), matrix, counts, {kind: 'dense'});
      const [lost] = allocate.mock.results.map(({value}) => value as number);
      expect(packed.values).not.toBe(lost);
      expect(free).not.toHaveBeenCalledWith(lost);
      const reference = uploadWeights(heap, weights, 40, 8, true);
      expect(contents(packed)).toEqual(contents(reference));

      allocate.mockClear();
      run.mockImplementationOnce(() => {
        throw new Error('no memory');
      });
      expect(() => countBlocks(backend(), matrix)).toThrow('no memory');
      expect(free).toHaveBeenCalledWith(allocate.mock.results[0].value);
      for (const mock of [run, free, allocate]) mock.mockRestore();
      for (const {values} of [packed, reference]) heap.free(values);
    });
  });
});
