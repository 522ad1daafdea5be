/** Optimal brain surgeon on block rows: what is left of a least squares solution when columns must be zero. */

const NOT_DEFINITE = 'The normal matrix of a layer is not positive definite.';

/** One block row whose filters lose some of their columns. */
export interface BlockRowJob {
  /** Columns that are to be zero, ascending. */
  readonly pruned: Int32Array;
  /** The row's filters as they solve the problem with all columns: `[filters, columns]`, row-major. */
  readonly weights: Float64Array;
  /** Whether `inverseBlocks` is wanted. */
  readonly wantsBlocks: boolean;
}

/** The least squares solution on the columns that are left. */
export interface BlockRowResult {
  /** `[filters, columns]`, zero in the pruned columns. */
  readonly weights: Float64Array;
  /**
   * The diagonal blocks of the inverse of what is left of the normal matrix, `[channels, taps, taps]`; those of pruned
   * channels are meaningless. `null` where they are not wanted.
   */
  readonly inverseBlocks: Float64Array | null;
}

/** Solves many block rows of one layer. */
export interface BlockRowSolver {
  /**
   * @param inverse of the normal matrix of all columns, `[columns, columns]`, symmetric and positive definite. The columns
   *     are the taps of channel after channel, and behind them any others, such as that of the bias.
   * @param columns its size
   * @param taps neighbouring columns that make a channel
   * @throws Error where the matrix is not positive definite
   */
  solve(inverse: Float64Array, columns: number, taps: number, jobs: readonly BlockRowJob[]): Promise<BlockRowResult[]>;

  /**
   * The inverse of a symmetric positive definite matrix, `[size, size]`.
   *
   * @throws Error where it is not positive definite
   */
  invert(matrix: Float64Array, size: number): Promise<Float64Array>;
}

/**
 * The solver in plain TypeScript: what others have to agree with, and slow. With `P` the inverse, `p` the pruned columns and
 * `k` those kept, it eliminates the first columns of `[P_pp | P_pk | w_p]`; then `w_k` loses `P_kp P_pp^-1 w_p`, and the
 * inverse on `k` is `P_kk - P_kp P_pp^-1 P_pk` (Hassibi and Stork, "Second order derivatives for network pruning", 1993, for
 * many columns at once).
 */
export const plainBlockRowSolver: BlockRowSolver = {
  async solve(inverse, columns, taps, jobs) {
    return jobs.map((job) => solveRow(inverse, columns, taps, job));
  },
  async invert(matrix, size) {
    return invertSymmetric(matrix, size);
  },
};

/** By sweeps of Gauss and Jordan, which need no pivots here. */
function invertSymmetric(matrix: Float64Array, size: number): Float64Array {
  const a = matrix.slice();
  for (let k = 0; k < size; k++) {
    const pivot = a[k * size + k];
    if (!(pivot > 0)) throw new Error(NOT_DEFINITE);
    const row = a.slice(k * size, (k + 1) * size);
    for (let i = 0; i < size; i++) {
      const factor = a[i * size + k] / pivot;
      if (i === k || factor === 0) continue;
      for (let j = 0; j < size; j++) a[i * size + j] -= factor * row[j];
      a[i * size + k] = -factor;
    }
    for (let j = 0; j < size; j++) a[k * size + j] = row[j] / pivot;
    a[k * size + k] = 1 / pivot;
  }
  return a;
}

function solveRow(inverse: Float64Array, columns: number, taps: number, job: BlockRowJob): BlockRowResult {
  const {pruned, wantsBlocks} = job;
  const filters = job.weights.length / columns;
  const count = pruned.length;
  const width = columns + filters;
  const work = new Float64Array(count * width);
  for (let i = 0; i < count; i++) {
    const from = pruned[i] * columns;
    work.set(inverse.subarray(from, from + columns), i * width);
    for (let f = 0; f < filters; f++) work[i * width + columns + f] = job.weights[f * columns + pruned[i]];
  }
  // Rows become those of `L^-1 [P_p* | w_p]`, where `L L^T = P_pp`.
  for (let i = 0; i < count; i++) {
    const pivot = work[i * width + pruned[i]];
    if (!(pivot > 0)) throw new Error(NOT_DEFINITE);
    const scale = 1 / Math.sqrt(pivot);
    for (let j = 0; j < width; j++) work[i * width + j] *= scale;
    for (let r = i + 1; r < count; r++) {
      const factor = work[i * width + pruned[r]];
      if (factor === 0) continue;
      for (let j = 0; j < width; j++) work[r * width + j] -= factor * work[i * width + j];
    }
  }
  const weights = job.weights.slice();
  for (let i = 0; i < count; i++) {
    for (let f = 0; f < filters; f++) {
      const factor = work[i * width + columns + f];
      for (let j = 0; j < columns; j++) weights[f * columns + j] -= factor * work[i * width + j];
    }
  }
  for (const column of pruned) for (let f = 0; f < filters; f++) weights[f * columns + column] = 0;
  return {weights, inverseBlocks: wantsBlocks ? inverseBlocks(inverse, columns, taps, work, count, width) : null};
}

function inverseBlocks(
  inverse: Float64Array,
  columns: number,
  taps: number,
  work: Float64Array,
  count: number,
  width: number,
): Float64Array {
  const channels = Math.floor(columns / taps);
  const blocks = new Float64Array(channels * taps * taps);
  for (let c = 0, at = 0; c < channels; c++) {
    for (let a = c * taps; a < (c + 1) * taps; a++) {
      for (let b = c * taps; b < (c + 1) * taps; b++, at++) {
        let value = inverse[a * columns + b];
        for (let i = 0; i < count; i++) value -= work[i * width + a] * work[i * width + b];
        blocks[at] = value;
      }
    }
  }
  return blocks;
}
