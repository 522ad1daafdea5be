import fc from 'fast-check';
import {rateCurve} from '../../src/graph/rateCurve';
import {BLOCK_SIZES, nonzeroBlocks, type BlockSize, type FilterShape} from '../../src/packed';
import {choosePath, layerStatistics} from '../../src/plan';
import {applyMask, blockGrid, l1BlockScores, PATTERNS, selectBlocks, weightsInBlocks} from '../../src/pruning';
import {randomFloats, randomNumbers} from '../support/random';

const filterShape = fc.record({
  kh: fc.integer({min: 1, max: 3}),
  kw: fc.integer({min: 1, max: 2}),
  inChannels: fc.integer({min: 1, max: 12}),
  outChannels: fc.integer({min: 1, max: 70}),
});

function randomFilter({kh, kw, inChannels, outChannels}: FilterShape, seed: number, zeros: number): Float32Array {
  const random = randomNumbers(seed);
  return randomFloats(kh * kw * inChannels * outChannels, random).map((w) => (random() < zeros ? 0 : w));
}

describe('a curve over rates', () => {
  test('tells at each rate what pruning to it leaves: score, weights and expected time', () => {
    const pattern = fc.constantFrom(...PATTERNS);
    const n = fc.constantFrom<BlockSize>(...BLOCK_SIZES);
    const most = fc.double({min: 0.05, max: 1, noNaN: true});
    const pixels = fc.constantFrom(1, 2, 49, 196, 3136);
    const zeros = fc.constantFrom(0, 0.3, 0.9);
    fc.assert(
      fc.property(
        filterShape,
        fc.nat(),
        zeros,
        pattern,
        n,
        most,
        pixels,
        (shape, seed, share, kind, size, cap, count) => {
          const filter = randomFilter(shape, seed, share);
          const grid = blockGrid(kind, shape, size);
          const scores = l1BlockScores(filter, grid.shape, grid.n);
          const geometry = {filter: shape, outputPixels: count, winogradTiles: 0};
          const {rates, lost, weights, ms} = rateCurve(filter, grid, scores, geometry, cap);
          expect(rates[0]).toBe(0);
          expect(rates.at(-1)).toBe(cap);
          const total = scores.reduce((sum, score) => sum + score, 0);
          for (const i of new Set([0, 1, rates.length >> 1, rates.length - 1])) {
            const keep = selectBlocks(scores, rates[i]);
            const pruned = applyMask(filter, grid.shape, grid.n, keep);
            expect(weights[i]).toBe(weightsInBlocks(grid.shape, grid.n, nonzeroBlocks(pruned, grid.shape, grid.n)));
            expect(ms[i]).toBe(choosePath(geometry, layerStatistics(pruned, shape), 'relaxed').expectedMs);
            const kept = scores.reduce((sum, score, block) => (keep[block] ? sum + score : sum), 0);
            expect(lost[i]).toBeCloseTo(total > 0 ? 1 - kept / total : 0, 9);
          }
        },
      ),
    );
  });

  test('rates are whole percents and the highest one', () => {
    const shape = {kh: 1, kw: 1, inChannels: 4, outChannels: 8};
    const filter = randomFilter(shape, 1, 0);
    const ratesUpTo = (most: number) =>
      rateCurve(filter, {shape, n: 4}, l1BlockScores(filter, shape, 4), {filter: shape, outputPixels: 9}, most).rates;
    expect(ratesUpTo(0)).toEqual([0]);
    expect(ratesUpTo(0.025)).toEqual([0, 0.01, 0.02, 0.025]);
    expect(ratesUpTo(0.07)).toHaveLength(8);
    expect(ratesUpTo(1)).toHaveLength(101);
  });
});
