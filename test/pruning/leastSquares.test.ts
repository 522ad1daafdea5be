import {
  BlockLeastSquares,
  chooseBlocks,
  plainBlockRowSolver,
  surgeonScores,
  type BlockRowSolver,
  type FitShape,
} from '../../src/pruning';
import {randomFloats, randomNumbers} from '../support/random';

const RIDGE = 0.01;

/** A layer and the moments of its inputs, its targets being what its own filters give. */
function problem(shape: FitShape, solver: BlockRowSolver = plainBlockRowSolver) {
  const {filters, channels, taps} = shape;
  const [columns, rows, random] = [channels * taps, 3 * channels * taps, randomNumbers(5)];
  const inputs = randomFloats(rows * columns, random);
  const normal = new Float64Array(columns * columns);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++) {
        normal[i * columns + j] += (inputs[r * columns + i] * inputs[r * columns + j]) / rows;
      }
    }
  }
  const weights = Float64Array.from(randomFloats(filters * columns, random));
  const cross = new Float64Array(columns * filters);
  for (let i = 0; i < columns; i++) {
    for (let f = 0; f < filters; f++) {
      for (let k = 0; k < columns; k++) cross[i * filters + f] += normal[i * columns + k] * weights[f * columns + k];
    }
  }
  const trace = Array.from({length: columns}, (_, i) => normal[i * (columns + 1)]).reduce((a, b) => a + b);
  const ridge = (RIDGE * trace) / columns;
  return {columns, normal, weights, cross, ridge, fit: new BlockLeastSquares(solver, shape, normal, weights, RIDGE)};
}

/** Counts the rows that it is given. */
function countingSolver() {
  const counts = {rows: 0};
  const solver: BlockRowSolver = {
    ...plainBlockRowSolver,
    solve: (inverse, columns, taps, jobs) => {
      counts.rows += jobs.length;
      return plainBlockRowSolver.solve(inverse, columns, taps, jobs);
    },
  };
  return {counts, solver};
}

describe('least squares by block rows', () => {
  test('scores a whole filter by all that its output is', async () => {
    const shape = {filters: 5, channels: 1, taps: 12, n: 1};
    const {columns, normal, weights, cross, ridge, fit} = problem(shape);
    const importance = Float64Array.of(1, 2, 0.5, 1, 3);
    const scores = surgeonScores(shape, await fit.solve(cross, null, true), importance, null);
    for (let f = 0; f < shape.filters; f++) {
      let loss = 0;
      for (let i = 0; i < columns; i++) {
        for (let j = 0; j < columns; j++) {
          const moment = normal[i * columns + j] + (i === j ? ridge : 0);
          loss += weights[f * columns + i] * moment * weights[f * columns + j];
        }
      }
      expect(scores[f]).toBeCloseTo(importance[f] * loss, 8);
    }
  });

  test('drops and keeps whole filters without solving anything', async () => {
    const shape = {filters: 6, channels: 1, taps: 10, n: 1};
    const {counts, solver} = countingSolver();
    const {columns, weights, cross, fit} = problem(shape, solver);
    const start = await fit.solve(cross, null, true);
    const keep = await chooseBlocks(fit, shape, start, cross, new Float64Array(6).fill(1), 0.5);
    expect([...keep].filter((bit) => bit)).toHaveLength(3);
    const {weights: fitted} = await fit.solve(cross, keep);
    for (let f = 0; f < 6; f++) {
      for (let k = f * columns; k < (f + 1) * columns; k++) {
        expect(fitted[k]).toBeCloseTo(keep[f] ? weights[k] : 0, 8);
      }
    }
    expect(counts.rows).toBe(0);
  });

  test('gives rows of which all, some or nothing stays what the solver gives for them one by one', async () => {
    const shape = {filters: 7, channels: 4, taps: 2, n: 2};
    const {columns, cross, normal, ridge, fit} = problem(shape);
    const keep = Uint8Array.of(1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0);
    const {weights, inverseBlocks} = await fit.solve(cross, keep, true);
    const all = (await fit.solve(cross, null)).weights;
    const regular = normal.map((value, k) => value + (k % (columns + 1) === 0 ? ridge : 0));
    const inverse = await plainBlockRowSolver.invert(regular, columns);
    for (let row = 0; row < 4; row++) {
      const pruned = Array.from({length: columns}, (_, k) => k).filter((k) => !keep[row * 4 + Math.floor(k / 2)]);
      const [from, to] = [row * 2 * columns, Math.min(7, row * 2 + 2) * columns];
      const job = {pruned: Int32Array.from(pruned), weights: all.slice(from, to), wantsBlocks: true};
      const [expected] = await plainBlockRowSolver.solve(inverse, columns, 2, [job]);
      weights.slice(from, to).forEach((value, k) => expect(value).toBeCloseTo(expected.weights[k], 9));
      for (let c = 0; c < 4; c++) {
        if (!keep[row * 4 + c]) continue;
        for (let k = c * 4; k < c * 4 + 4; k++) {
          expect(inverseBlocks![row][k]).toBeCloseTo(expected.inverseBlocks![k], 9);
        }
      }
    }
  });
});
