/** Optimal brain surgeon on block rows: what is left of a least squares solution when columns must be zero. */

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
   * @throws NotPositiveDefinite where it is seen that the matrix is not
   * @throws Error for a job that does not fit the matrix
   */
  solve(inverse: Float64Array, columns: number, taps: number, jobs: readonly BlockRowJob[]): Promise<BlockRowResult[]>;
  /**
   * The inverse of a normal matrix.
   *
   * @param matrix `[size, size]`, symmetric and positive definite; only read
   * @throws NotPositiveDefinite where it is not, a column that others give but for rounding included
   */
  invert(matrix: Float64Array, size: number): Promise<Float64Array>;
}

/** A normal matrix, or its inverse, is not positive definite: there are values in it that are no numbers, or no ridge. */
export class NotPositiveDefinite extends Error {
  constructor() {
    super(
      'the normal matrix of a layer is not positive definite: some of its columns are constant or depend on others, or ' +
        'a sample gave values that are not finite; more samples or a larger ridge help',
    );
  }
}

/** @throws Error naming the argument where one does not fit the others */
export function checkRows(inverse: Float64Array, columns: number, taps: number, jobs: readonly BlockRowJob[]): void {
  checkMatrix(inverse, columns);
  if (!(Number.isInteger(taps) && taps > 0)) throw new Error(`taps is ${taps}, must be a whole number of 1 or more`);
  for (const {pruned, weights} of jobs) {
    if (weights.length % columns) {
      throw new Error(`weights of length ${weights.length} are no filters of ${columns} columns`);
    }
    pruned.forEach((column, i) => {
      if (!(column > (i ? pruned[i - 1] : -1) && column < columns)) {
        throw new Error(`pruned columns must ascend from 0 to at most ${columns - 1}: ${column} at ${i}`);
      }
    });
  }
}

/** @throws Error where the matrix is not of that size */
export function checkMatrix(matrix: Float64Array, size: number): void {
  if (!(Number.isInteger(size) && size > 0) || matrix.length !== size * size) {
    throw new Error(`a matrix of length ${matrix.length} is not ${size} x ${size}`);
  }
}

/**
 * The solver in plain TypeScript: what others have to agree with, and slow. With `P` the inverse, `p` the pruned columns and
 * `k` those kept, it eliminates the first columns of `[P_pp | P_pk | w_p]`; then `w_k` loses `P_kp P_pp^-1 w_p`, and the
 * inverse on `k` is `P_kk - P_kp P_pp^-1 P_pk` (Hassibi and Stork, "Second order derivatives for network pruning", 1993, for
 * many columns at once).
 */
export const plainBlockRowSolver: BlockRowSolver = {
  async solve(inverse, columns, taps, jobs) {
    checkRows(inverse, columns, taps, jobs);
    return jobs.map((job) => solveRow(inverse, columns, taps, job));
  },

  /** Eliminates the first half of `[A | I]`, which leaves `L^-1` in the second, where `L L^T = A`. */
  async invert(matrix, size) {
    checkMatrix(matrix, size);
    const width = 2 * size;
    const work = new Float64Array(size * width);
    for (let i = 0; i < size; i++) {
      work.set(matrix.subarray(i * size, (i + 1) * size), i * width);
      work[i * width + size + i] = 1;
    }
    eliminate(
      work,
      width,
      Array.from({length: size}, (_, i) => i),
      size,
    );
    return Float64Array.from({length: size * size}, (_, at) => {
      const [a, b] = [Math.floor(at / size), at % size];
      let sum = 0;
      for (let i = Math.max(a, b); i < size; i++) sum += work[i * width + size + a] * work[i * width + size + b];
      return sum;
    });
  },
};

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
  eliminate(work, width, pruned, columns);
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

/**
 * Makes of rows those of `L^-1 rows`, where `L L^T` is their symmetric part in the pivot columns.
 *
 * @param columns size of the matrix they are from: so many roundings a pivot may consist of
 */
function eliminate(work: Float64Array, width: number, pivots: ArrayLike<number>, columns: number): void {
  const floors = Array.from(pivots, (column, i) => work[i * width + column] * columns * Number.EPSILON);
  for (let i = 0; i < pivots.length; i++) {
    const pivot = work[i * width + pivots[i]];
    if (!(pivot > floors[i] && pivot < Infinity)) throw new NotPositiveDefinite();
    const scale = 1 / Math.sqrt(pivot);
    for (let j = 0; j < width; j++) work[i * width + j] *= scale;
    for (let r = i + 1; r < pivots.length; r++) {
      const factor = work[i * width + pivots[r]];
      if (factor === 0) continue;
      for (let j = 0; j < width; j++) work[r * width + j] -= factor * work[i * width + j];
    }
  }
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
