// Inverts a matrix and solves block rows on several numbers of threads: in a page, or in Node.
import {createBlockRowSolver, invertSymmetric} from '../../src/runtime/linearAlgebra';

/** Positive definite for its diagonal. */
const matrixOf = (size) =>
  Float64Array.from({length: size * size}, (_, at) => 1 / (1 + 3 * Math.abs(Math.floor(at / size) - (at % size))));

async function compute(size, threads) {
  const solver = createBlockRowSolver(threads);
  const inverse = await solver.invert(matrixOf(size), size);
  const jobs = Array.from({length: 40}, (_, row) => ({
    pruned: Int32Array.from({length: size - 1 - row}, (_, i) => i + Math.floor(row / 2)),
    weights: Float64Array.from({length: 2 * size}, (_, i) => ((i * 37 + row) % 101) / 101),
    wantsBlocks: row % 2 === 0,
  }));
  const rows = await solver.solve(inverse, size, 1, jobs);
  solver.dispose();
  return [inverse, ...rows.flatMap(({weights, inverseBlocks}) => [weights, inverseBlocks ?? new Float64Array(0)])];
}

/** All bits of arrays as one number. */
function checksum(arrays) {
  let sum = 0;
  for (const array of arrays) {
    for (const word of new Int32Array(array.buffer)) sum = (Math.imul(sum, 31) + word) | 0;
  }
  return sum;
}

/** @param {{size: number, threads: number[]}} request */
globalThis.solveOnThreads = async ({size, threads}) => {
  let workers = 0;
  const {Worker} = globalThis;
  if (Worker) {
    globalThis.Worker = class extends Worker {
      constructor(...parameters) {
        super(...parameters);
        this.addEventListener('message', () => workers++, {once: true});
      }
    };
  }
  const checksums = [];
  for (const count of threads) checksums.push(checksum(await compute(size, count)));
  return {checksums, inverse: checksum([invertSymmetric(matrixOf(size), size)]), workers};
};
