import {selectBlocks} from './masks';
import type {BlockRowJob, BlockRowSolver} from './blockRowSolver';

/** A filter as least squares has it: `filters` rows of `channels * taps` columns, the taps of a channel side by side. */
export interface FitShape {
  readonly filters: number;
  readonly channels: number;
  readonly taps: number;
  /** Filters a block row. */
  readonly n: number;
}

/** Of a row of which nothing is left. */
const NO_BLOCKS = new Float64Array(0);

/** Filters fitted on the blocks that a mask keeps. */
export interface BlockFit {
  /** `[filters, columns]`, zero outside the mask. */
  readonly weights: Float64Array;
  /** For every block row the diagonal blocks of its inverse, where they were asked for. */
  readonly inverseBlocks: ReadonlyArray<Float64Array> | null;
}

/**
 * Least squares with a ridge towards the dense filters, each block row on the columns of its own kept blocks:
 * `min E|W x - y|^2 + r |W - W0|^2`. One inverse of the normal matrix serves all block rows; what a row loses is taken off
 * by the optimal brain surgeon (see `BlockRowSolver`).
 */
export class BlockLeastSquares {
  /** The ridge, in units of the normal matrix. */
  private readonly ridge: number;
  private readonly columns: number;
  private readonly inverse: Promise<Float64Array>;

  /**
   * @param normal mean of `x x^T` about the mean of x, `[columns, columns]`. Not kept.
   * @param dense W0, `[filters, columns]`
   * @param ridge in units of the mean of the normal matrix's diagonal
   */
  constructor(
    private readonly solver: BlockRowSolver,
    private readonly shape: FitShape,
    normal: Float64Array,
    private readonly dense: Float64Array,
    ridge: number,
  ) {
    const columns = (this.columns = shape.channels * shape.taps);
    let trace = 0;
    for (let i = 0; i < columns; i++) trace += normal[i * (columns + 1)];
    // Inputs that are all zero or constant tell nothing: with the smallest ridge the dense weights come back.
    this.ridge = Math.max((ridge * trace) / columns, 1e-12);
    const regular = normal.slice();
    for (let i = 0; i < columns; i++) regular[i * (columns + 1)] += this.ridge;
    this.inverse = solver.invert(regular, columns);
  }

  /**
   * @param cross mean of `x y^T` about the means, `[columns, filters]`
   * @param keep one byte a block, `[block rows, channels]`; all without it
   */
  async solve(cross: Float64Array, keep: Uint8Array | null, wantsBlocks = false): Promise<BlockFit> {
    const inverse = await this.inverse;
    const all = this.solveDense(inverse, cross);
    if (!keep && !wantsBlocks) return {weights: all, inverseBlocks: null};
    const {filters, channels, taps, n} = this.shape;
    const {columns} = this;
    const jobs: BlockRowJob[] = [];
    const rowsOfJobs: number[] = [];
    const inverseBlocks: Float64Array[] = [];
    let untouched: Float64Array | null = null;
    for (let from = 0, row = 0; from < filters; from += n, row++) {
      const pruned: number[] = [];
      for (let c = 0; keep && c < channels; c++) {
        if (!keep[row * channels + c]) for (let t = 0; t < taps; t++) pruned.push(c * taps + t);
      }
      const to = Math.min(filters, from + n);
      // Rows of which all or nothing stays need no elimination: whole filters (one block a row) would take a cube of columns.
      if (pruned.length === columns) {
        all.fill(0, from * columns, to * columns);
        inverseBlocks[row] = NO_BLOCKS;
      } else if (pruned.length === 0) {
        if (wantsBlocks) inverseBlocks[row] = untouched ??= diagonalBlocks(inverse, channels, taps);
      } else {
        const weights = all.slice(from * columns, to * columns);
        jobs.push({pruned: Int32Array.from(pruned), weights, wantsBlocks});
        rowsOfJobs.push(row);
      }
    }
    const results = await this.solver.solve(inverse, columns, taps, jobs);
    results.forEach((result, i) => {
      all.set(result.weights, rowsOfJobs[i] * n * columns);
      if (wantsBlocks) inverseBlocks[rowsOfJobs[i]] = result.inverseBlocks!;
    });
    return {weights: all, inverseBlocks: wantsBlocks ? inverseBlocks : null};
  }

  private solveDense(inverse: Float64Array, cross: Float64Array): Float64Array {
    const {columns, dense, ridge} = this;
    const {filters} = this.shape;
    const right = cross.slice(); // [columns, filters]
    for (let k = 0; k < columns; k++) {
      for (let f = 0; f < filters; f++) right[k * filters + f] += ridge * dense[f * columns + k];
    }
    const weights = new Float64Array(filters * columns);
    const [line, next] = [new Float64Array(filters), new Float64Array(filters)];
    for (let i = 0; i < columns; i += 2) {
      line.fill(0);
      next.fill(0);
      const other = Math.min(i + 1, columns - 1);
      // Two rows and two columns at a time: what is read is used twice, and sums are written half as often.
      for (let k = 0; k < columns - 1; k += 2) {
        const [p, q] = [i * columns + k, other * columns + k];
        const [a, b, c, d] = [inverse[p], inverse[p + 1], inverse[q], inverse[q + 1]];
        for (let f = 0, at = k * filters; f < filters; f++, at++) {
          const [x, y] = [right[at], right[at + filters]];
          line[f] += a * x + b * y;
          next[f] += c * x + d * y;
        }
      }
      if (columns % 2 === 1) {
        const [a, c] = [inverse[(i + 1) * columns - 1], inverse[(other + 1) * columns - 1]];
        for (let f = 0, at = (columns - 1) * filters; f < filters; f++, at++) {
          line[f] += a * right[at];
          next[f] += c * right[at];
        }
      }
      for (let f = 0; f < filters; f++) {
        weights[f * columns + i] = line[f];
        weights[f * columns + other] = i < other ? next[f] : line[f];
      }
    }
    return weights;
  }
}

/**
 * What the layer's outputs lose if a block alone goes and the rest of its row is fitted again: the sum over its filters of
 * `S_o w^T [(H^-1)_bb]^-1 w`, `w` the block's weights in a filter (Hassibi and Stork, 1993, for blocks of weights).
 *
 * @param importance S, how much the network's outputs depend on each output channel, `[filters]`
 * @returns `[block rows, channels]`; -1 for blocks that are gone already, so that they go first.
 */
export function surgeonScores(
  {filters, channels, taps, n}: FitShape,
  {weights, inverseBlocks}: BlockFit,
  importance: Float64Array,
  keep: Uint8Array | null,
): Float64Array {
  const rows = Math.ceil(filters / n);
  const scores = new Float64Array(rows * channels);
  const factors = new Float64Array(channels * taps * taps);
  const isFactored = new Uint8Array(channels);
  const solved = new Float64Array(taps);
  for (let row = 0, block = 0; row < rows; row++) {
    const blocks = inverseBlocks![row];
    // Rows may share them.
    if (row === 0 || blocks !== inverseBlocks![row - 1]) isFactored.fill(0);
    for (let c = 0; c < channels; c++, block++) {
      if (keep && !keep[block]) {
        scores[block] = -1;
        continue;
      }
      const [from, to] = [c * taps * taps, (c + 1) * taps * taps];
      const factor = factors.subarray(from, to);
      if (!isFactored[c]) {
        factor.set(blocks.subarray(from, to));
        factorize(factor, taps);
        isFactored[c] = 1;
      }
      for (let f = row * n; f < Math.min(filters, (row + 1) * n); f++) {
        scores[block] += importance[f] * normOfSolved(factor, taps, weights, (f * channels + c) * taps, solved);
      }
    }
  }
  return scores;
}

/** The blocks of channels on a matrix's diagonal, `[channels, taps, taps]`. */
export function diagonalBlocks(matrix: Float64Array, channels: number, taps: number): Float64Array {
  const columns = Math.sqrt(matrix.length);
  const blocks = new Float64Array(channels * taps * taps);
  for (let c = 0, at = 0; c < channels; c++) {
    for (let i = c * taps; i < (c + 1) * taps; i++) {
      for (let j = c * taps; j < (c + 1) * taps; j++, at++) blocks[at] = matrix[i * columns + j];
    }
  }
  return blocks;
}

/** Cholesky's lower factor in place. */
function factorize(matrix: Float64Array, size: number): void {
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = matrix[i * size + j];
      for (let k = 0; k < j; k++) sum -= matrix[i * size + k] * matrix[j * size + k];
      matrix[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / matrix[j * size + j];
    }
  }
}

/** `|L^-1 w|^2`. */
function normOfSolved(
  factor: Float64Array,
  size: number,
  weights: Float64Array,
  at: number,
  solved: Float64Array,
): number {
  let norm = 0;
  for (let i = 0; i < size; i++) {
    let sum = weights[at + i];
    for (let k = 0; k < i; k++) sum -= factor[i * size + k] * solved[k];
    solved[i] = sum / factor[i * (size + 1)];
    norm += solved[i] ** 2;
  }
  return norm;
}

/** Steps in which a layer's blocks go: after each the rest is fitted and scored anew. */
const MASK_STEPS = 4;

/**
 * Chooses the blocks of a layer: a share of the rate at a time, those of least score first.
 *
 * @param start the fit of all blocks, with its inverse blocks
 * @param mayKeep blocks that are there at all, where some are not
 * @returns the mask, `[block rows, channels]`
 */
export async function chooseBlocks(
  problem: BlockLeastSquares,
  shape: FitShape,
  start: BlockFit,
  cross: Float64Array,
  importance: Float64Array,
  rate: number,
  mayKeep: Uint8Array | null = null,
): Promise<Uint8Array> {
  let fit = start;
  let keep = mayKeep;
  for (let step = 1; step <= MASK_STEPS; step++) {
    const chosen = selectBlocks(surgeonScores(shape, fit, importance, keep), (rate * step) / MASK_STEPS);
    keep = mayKeep ? chosen.map((bit, i) => bit & mayKeep[i]) : chosen;
    if (step < MASK_STEPS) fit = await problem.solve(cross, keep, true);
  }
  return keep!;
}
