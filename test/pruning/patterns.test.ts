import fc from 'fast-check';
import type {FilterShape} from '../../src/packed';
import {
  applyMask,
  blockGrid,
  filterNorms,
  firstToDrop,
  l1BlockScores,
  selectBlocks,
  type Pattern,
} from '../../src/pruning';
import {randomFloats, randomNumbers} from '../support/random';

const shape: FilterShape = {kh: 3, kw: 2, inChannels: 5, outChannels: 8};
const weights = randomFloats(3 * 2 * 5 * 8, randomNumbers(4));

function prune(pattern: Pattern, sparsity: number): Float32Array {
  const grid = blockGrid(pattern, shape, 4);
  return applyMask(weights, grid.shape, grid.n, selectBlocks(l1BlockScores(weights, grid.shape, grid.n), sparsity));
}

/** Checks that of units, each a list of weights' indices, half are zeros and those of least l1 norm, others untouched. */
function expectHalf(pruned: Float32Array, units: readonly (readonly number[])[]): void {
  const norm = (unit: readonly number[]) => unit.reduce((sum, i) => sum + Math.abs(weights[i]), 0);
  const dropped = units.filter((unit) => unit.every((i) => pruned[i] === 0));
  const kept = units.filter((unit) => unit.every((i) => pruned[i] === weights[i]));
  expect([dropped.length, kept.length]).toEqual([units.length / 2, units.length / 2]);
  expect(Math.max(...dropped.map(norm))).toBeLessThanOrEqual(Math.min(...kept.map(norm)));
}

/** Indices of the weights by what a function says of output channel and input channel. */
function unitsBy(key: (out: number, input: number, i: number) => number): number[][] {
  const units: number[][] = [];
  weights.forEach((_, i) => (units[key(i % 8, Math.floor(i / 8) % 5, i)] ??= []).push(i));
  return units;
}

describe('patterns', () => {
  test("'weight' drops the weights of lowest magnitude", () => {
    expectHalf(
      prune('weight', 0.5),
      unitsBy((_o, _c, i) => i),
    );
  });

  test("'kernel' drops the taps of one filter at one input channel, as 1xN does at N = 1", () => {
    const pruned = prune('kernel', 0.5);
    expectHalf(
      pruned,
      unitsBy((o, c) => o * 5 + c),
    );
    expect(blockGrid('kernel', shape, 4)).toEqual(blockGrid('1xN', shape, 1));
  });

  test("'filter' drops the filters of lowest l1 norm", () => {
    const pruned = prune('filter', 0.5);
    expectHalf(
      pruned,
      unitsBy((o) => o),
    );
    const norms = filterNorms(weights, shape);
    const weakest = [...norms.keys()].sort((a, b) => norms[a] - norms[b]).slice(0, 4);
    const zeros = [...filterNorms(pruned, shape).entries()].flatMap(([o, norm]) => (norm === 0 ? [o] : []));
    expect(zeros).toEqual(weakest.sort((a, b) => a - b));
  });

  test("'1xN' drops N filters at one input channel", () => {
    expectHalf(
      prune('1xN', 0.5),
      unitsBy((o, c) => Math.floor(o / 4) * 5 + c),
    );
  });

  test('the finer a pattern, the more of the weights is left at one rate', () => {
    const left = (pattern: Pattern) => prune(pattern, 0.5).reduce((sum, w) => sum + Math.abs(w), 0);
    expect(left('weight')).toBeGreaterThan(left('kernel'));
    expect(left('kernel')).toBeGreaterThan(left('1xN'));
  });
});

describe('the first rate that drops a block', () => {
  test('tells the mask of every rate, ties and all', () => {
    const scores = fc.array(fc.constantFrom(0, 1, 2, 3, Infinity, NaN), {minLength: 1, maxLength: 60});
    const shares = fc.array(fc.double({min: 0, max: 1, noNaN: true}), {minLength: 1, maxLength: 8});
    fc.assert(
      fc.property(scores, shares, (values, unsorted) => {
        const rates = unsorted.sort((a, b) => a - b);
        const first = firstToDrop(Float64Array.from(values), rates);
        rates.forEach((rate, k) => {
          const drop = Math.round(rate * values.length);
          const rank = [...values.keys()].sort((a, b) => {
            const [x, y] = [values[a], values[b]].map((score) => (Number.isNaN(score) ? Infinity : score));
            return x === y ? a - b : x - y;
          });
          const dropped = new Set(rank.slice(0, drop));
          expect([...first].map((at) => at <= k)).toEqual([...values.keys()].map((i) => dropped.has(i)));
        });
      }),
    );
  });
});
