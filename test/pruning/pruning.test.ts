import fc from 'fast-check';
import {BLOCK_SIZES, blockRows, nonzeroBlocks, type BlockSize, type FilterShape} from '../../src/packed';
import {
  applyMask,
  expandOrder,
  filterNorms,
  invertOrder,
  isIdentity,
  l1BlockScores,
  layerSeed,
  orderByNorm,
  permuteAxis,
  randomBlockScores,
  selectBlocks,
  transpose,
  weightsInBlocks,
} from '../../src/pruning';

const blockSize = fc.constantFrom<BlockSize>(...BLOCK_SIZES);
const filterShape = fc.record({
  kh: fc.integer({min: 1, max: 3}),
  kw: fc.integer({min: 1, max: 3}),
  inChannels: fc.integer({min: 1, max: 9}),
  outChannels: fc.integer({min: 1, max: 40}),
});
const filter = filterShape.chain((shape) => {
  const length = shape.kh * shape.kw * shape.inChannels * shape.outChannels;
  return fc.record({
    shape: fc.constant(shape),
    weights: fc.float32Array({minLength: length, maxLength: length, noNaN: true, min: -8, max: 8}),
  });
});
const order = fc
  .integer({min: 1, max: 24})
  .chain((length) => fc.shuffledSubarray([...Array(length).keys()], {minLength: length}))
  .map((channels) => Int32Array.from(channels));

const dims = ({kh, kw, inChannels, outChannels}: FilterShape) => [kh, kw, inChannels, outChannels];
const bits = (values: Float32Array) => [...new Int32Array(values.buffer, values.byteOffset, values.length)];
const countOnes = (mask: Uint8Array) => mask.reduce((sum, bit) => sum + bit, 0);

describe('block scores', () => {
  test('l1 is the sum of the absolute weights of each block', () => {
    fc.assert(
      fc.property(filter, blockSize, ({weights, shape}, n) => {
        const scores = l1BlockScores(weights, shape, n);
        const rows = blockRows(shape, n);
        expect(scores).toHaveLength(rows * shape.inChannels);
        for (let r = 0; r < rows; r++) {
          for (let c = 0; c < shape.inChannels; c++) {
            let expected = 0;
            weights.forEach((w, i) => {
              const out = i % shape.outChannels;
              const input = Math.floor(i / shape.outChannels) % shape.inChannels;
              if (input === c && Math.floor(out / n) === r) expected += Math.abs(w);
            });
            expect(scores[r * shape.inChannels + c]).toBeCloseTo(expected, 6);
          }
        }
      }),
      {numRuns: 50},
    );
  });

  test('random scores depend on the seed alone and differ between layers of one shape', () => {
    const shape = {kh: 1, kw: 1, inChannels: 16, outChannels: 32};
    const a = randomBlockScores(shape, 4, layerSeed(7, 'a'));
    expect(randomBlockScores(shape, 4, layerSeed(7, 'a'))).toEqual(a);
    expect(randomBlockScores(shape, 4, layerSeed(8, 'a'))).not.toEqual(a);
    expect(randomBlockScores(shape, 4, layerSeed(7, 'b'))).not.toEqual(a);
    expect(Math.min(...a)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...a)).toBeLessThan(1);
    expect(new Set(a).size).toBeGreaterThan(100);
  });
});

describe('masks', () => {
  test('exactly round(sparsity * blocks) go, none that stays scores lower than one that goes, ties go by index', () => {
    const scores = fc.array(fc.constantFrom(0, 0.5, 1, 2, Infinity), {minLength: 1, maxLength: 60});
    fc.assert(
      fc.property(scores, fc.double({min: 0, max: 1, noNaN: true}), (values, sparsity) => {
        const keep = selectBlocks(Float64Array.from(values), sparsity);
        expect(keep.length - countOnes(keep)).toBe(Math.round(sparsity * values.length));
        values.forEach((a, i) =>
          values.forEach((b, j) => {
            if (!keep[i] && keep[j]) expect(a < b || (a === b && i < j)).toBe(true);
          }),
        );
      }),
    );
  });

  test('a block with a NaN is the last to go', () => {
    expect([...selectBlocks(Float64Array.of(NaN, 1, 3, 2), 0.75)]).toEqual([1, 0, 0, 0]);
    expect([...selectBlocks(Float64Array.of(NaN, 1, 3, 2), 1)]).toEqual([0, 0, 0, 0]);
  });

  test('a sparsity out of range is refused', () => {
    for (const sparsity of [-0.1, 1.01, NaN]) {
      expect(() => selectBlocks(new Float64Array(4), sparsity)).toThrow(RangeError);
    }
  });

  test('masked weights are zero in dropped blocks and bit-equal in kept ones', () => {
    fc.assert(
      fc.property(filter, blockSize, fc.double({min: 0, max: 1, noNaN: true}), ({weights, shape}, n, sparsity) => {
        const keep = selectBlocks(l1BlockScores(weights, shape, n), sparsity);
        const before = bits(weights);
        const after = bits(applyMask(weights, shape, n, keep));
        expect(bits(weights)).toEqual(before);
        let inside = 0;
        after.forEach((value, i) => {
          const input = Math.floor(i / shape.outChannels) % shape.inChannels;
          const kept = keep[Math.floor((i % shape.outChannels) / n) * shape.inChannels + input];
          inside += kept;
          expect(value).toBe(kept ? before[i] : 0);
        });
        expect(weightsInBlocks(shape, n, keep)).toBe(inside);
      }),
    );
  });

  test('the nonzero blocks of masked weights are those of the mask, where no block was zero before', () => {
    fc.assert(
      fc.property(filter, blockSize, fc.double({min: 0, max: 1, noNaN: true}), ({weights, shape}, n, sparsity) => {
        const full = weights.map((w) => (w === 0 ? 1 : w));
        const keep = selectBlocks(l1BlockScores(full, shape, n), sparsity);
        expect(nonzeroBlocks(applyMask(full, shape, n, keep), shape, n)).toEqual(keep);
      }),
    );
  });

  test('a mask or weights of the wrong length are refused', () => {
    const shape = {kh: 1, kw: 1, inChannels: 2, outChannels: 8};
    expect(() => applyMask(new Float32Array(16), shape, 4, new Uint8Array(3))).toThrow(/mask has 3 entries, 2 .* x 2/);
    expect(() => applyMask(new Float32Array(15), shape, 4, new Uint8Array(4))).toThrow(/15 weights, 16 expected/);
  });
});

describe('filter order', () => {
  test('filters come by descending l1 norm, equal ones in their old order', () => {
    fc.assert(
      fc.property(filter, ({weights, shape}) => {
        const norms = filterNorms(weights, shape);
        const sorted = orderByNorm(norms);
        expect([...sorted].sort((a, b) => a - b)).toEqual([...Array(shape.outChannels).keys()]);
        for (let i = 1; i < sorted.length; i++) {
          const [a, b] = [sorted[i - 1], sorted[i]];
          expect(norms[a] > norms[b] || (norms[a] === norms[b] && a < b)).toBe(true);
        }
        const permuted = permuteAxis(weights, dims(shape), 3, sorted);
        expect(isIdentity(orderByNorm(filterNorms(permuted, shape)))).toBe(true);
      }),
    );
  });

  test('norms of infinity and NaN come first and do not upset the sort', () => {
    expect([...orderByNorm(Float64Array.of(1, Infinity, 2, NaN, 3))]).toEqual([1, 3, 4, 2, 0]);
  });

  test('an order and its inverse undo each other along every axis, bit for bit', () => {
    fc.assert(
      fc.property(order, fc.integer({min: 0, max: 3}), (channels, axis) => {
        const shape = [2, 3, 1, 2];
        shape[axis] = channels.length;
        const size = shape.reduce((product, dim) => product * dim);
        // Every bit pattern has to survive: negative zero, denormals, NaN payloads.
        const values = new Float32Array(Int32Array.from({length: size}, (_, i) => Math.imul(i + 1, 0x9e3779b1)).buffer);
        const permuted = permuteAxis(values, shape, axis, channels);
        expect(bits(permuteAxis(permuted, shape, axis, invertOrder(channels)))).toEqual(bits(values));
        expect(bits(permuteAxis(permuted, shape, axis - 4, invertOrder(channels)))).toEqual(bits(values));
        const stride = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
        bits(permuted).forEach((value, i) => {
          const position = Math.floor(i / stride) % channels.length;
          expect(value).toBe(bits(values)[i + (channels[position] - position) * stride]);
        });
      }),
    );
  });

  test('a depthwise multiplier moves its outputs with their input channel', () => {
    fc.assert(
      fc.property(order, fc.integer({min: 1, max: 4}), (channels, multiplier) => {
        const expanded = expandOrder(channels, multiplier);
        const expected = [...channels].flatMap((c) => [...Array(multiplier).keys()].map((q) => c * multiplier + q));
        expect([...expanded]).toEqual(expected);
        expect([...invertOrder(expanded)]).toEqual([...expandOrder(invertOrder(channels), multiplier)]);
      }),
    );
  });

  test('an order of the wrong length is refused', () => {
    expect(() => permuteAxis(new Float32Array(6), [2, 3], 1, Int32Array.of(0, 1))).toThrow(/2 channels for axis 1/);
    expect(() => permuteAxis(new Float32Array(5), [2, 3], 0, Int32Array.of(0, 1))).toThrow(/5 values/);
  });

  test('a matrix transposed twice is itself', () => {
    const matrix = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect([...transpose(matrix, 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(transpose(transpose(matrix, 2, 3), 3, 2)).toEqual(matrix);
  });
});
