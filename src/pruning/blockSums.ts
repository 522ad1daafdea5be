/** Looked up once: where globals are slow (Jest's contexts), each look at `Math` costs more than all else here. */
const {abs} = Math;

/** Block rows are compared with all channels four at a time: as many sums run side by side. */
const TILE = 4;

/**
 * The scores of a filter summed up in 1xN blocks for some order of its channels, and what swapping two channels does to
 * `sum(max(block - threshold, 0))`. A swap leaves the sum over all blocks as it is, and `2 * max(x, 0) = x + |x|`: so
 * only the sum of `|block - threshold|` has to be known, which takes no comparisons.
 */
export class BlockSums {
  /** Block minus threshold, `[block rows, columns]`. */
  private readonly excess: Float64Array;
  /** Sum of `|block - threshold|` of every block row. */
  private readonly spread: Float64Array;
  private readonly blockRows: number;
  private threshold = 0;
  /** `[block rows, channels]`: the spread a row would have with a channel in place of an average one of its own. */
  private affinity = new Float32Array(0);

  /**
   * @param scores `[channels, columns]`, row-major.
   * @param n channels a block row.
   */
  constructor(
    private readonly scores: Float64Array,
    private readonly channels: number,
    readonly columns: number,
    readonly n: number,
  ) {
    this.blockRows = Math.ceil(channels / n);
    this.excess = new Float64Array(Math.ceil(this.blockRows / TILE) * TILE * columns);
    this.spread = new Float64Array(this.blockRows);
  }

  /** Sums up the blocks of an order; the threshold is 0 then. Returns `[block rows, columns]`, a view. */
  sum(order: Int32Array): Float64Array {
    const {excess, scores, columns, n} = this;
    excess.fill(0);
    for (let position = 0; position < order.length; position++) {
      const to = Math.floor(position / n) * columns;
      const from = order[position] * columns;
      for (let j = 0; j < columns; j++) excess[to + j] += scores[from + j];
    }
    this.threshold = 0;
    return excess.subarray(0, this.blockRows * columns);
  }

  /** Follows `sum`. */
  setThreshold(threshold: number): void {
    this.threshold = threshold;
    for (let i = 0; i < this.blockRows * this.columns; i++) this.excess[i] -= threshold;
    for (let row = 0; row < this.blockRows; row++) this.spread[row] = this.exchange(row, 0, 0);
  }

  /** Sum of `|block - threshold|` over all blocks. */
  value(): number {
    return this.spread.reduce((sum, value) => sum + value, 0);
  }

  /** What `value` gains where the channel `a` at position `p` and `b` at `q` change places. */
  gain(a: number, p: number, b: number, q: number): number {
    const g = Math.floor(p / this.n);
    const h = Math.floor(q / this.n);
    return g === h ? 0 : this.exchange(g, a, b) + this.exchange(h, b, a) - this.spread[g] - this.spread[h];
  }

  swap(a: number, p: number, b: number, q: number): void {
    const {excess, scores, columns, n} = this;
    const g = Math.floor(p / n);
    const h = Math.floor(q / n);
    if (g === h) return;
    for (let j = 0; j < columns; j++) {
      const change = scores[b * columns + j] - scores[a * columns + j];
      excess[g * columns + j] += change;
      excess[h * columns + j] -= change;
    }
    this.spread[g] = this.exchange(g, 0, 0);
    this.spread[h] = this.exchange(h, 0, 0);
  }

  /** The spread of a block row with the channel `to` in place of its channel `from`. */
  private exchange(row: number, from: number, to: number): number {
    const {excess, scores, columns} = this;
    let even = 0;
    let odd = 0;
    let e = row * columns;
    let a = from * columns;
    let b = to * columns;
    for (const end = e + columns - 1; e < end; e += 2, a += 2, b += 2) {
      even += abs(excess[e] + (scores[b] - scores[a]));
      odd += abs(excess[e + 1] + (scores[b + 1] - scores[a + 1]));
    }
    return columns & 1 ? even + abs(excess[e] + (scores[b] - scores[a])) + odd : even + odd;
  }

  /**
   * Compares every block row with every channel, on the columns `first`, `first + step` and so on, for `addEstimates`.
   *
   * @returns how many blocks were looked at.
   */
  compare(first: number, step: number): number {
    const {scores, channels, columns, n, excess, threshold, blockRows} = this;
    const samples = Math.ceil((columns - first) / step);
    const sampled = new Float64Array(channels * samples);
    for (let i = 0, c = 0; c < channels; c++) {
      for (let j = first; j < columns; j += step) sampled[i++] = scores[c * columns + j];
    }
    const rows = Math.ceil(blockRows / TILE) * TILE;
    if (this.affinity.length === 0) this.affinity = new Float32Array(rows * channels);
    const {affinity} = this;
    const rest = new Float64Array(TILE * samples);
    for (let row = 0; row < rows; row += TILE) {
      // The rows without an average channel of theirs.
      for (let t = 0; t < TILE; t++) {
        const share = 1 / Math.max(1, Math.min(n, channels - (row + t) * n));
        for (let i = t, j = first; j < columns; j += step, i += TILE) {
          const value = excess[(row + t) * columns + j];
          rest[i] = value - (value + threshold) * share;
        }
      }
      for (let c = 0, i = 0; c < channels; c++) {
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        for (let k = 0; k < rest.length; k += TILE) {
          const score = sampled[i++];
          s0 += abs(rest[k] + score);
          s1 += abs(rest[k + 1] + score);
          s2 += abs(rest[k + 2] + score);
          s3 += abs(rest[k + 3] + score);
        }
        const at = row * channels + c;
        affinity[at] = s0;
        affinity[at + channels] = s1;
        affinity[at + 2 * channels] = s2;
        affinity[at + 3 * channels] = s3;
      }
    }
    return rows * channels * samples;
  }

  /** Adds to `estimates[q]`, for every position `q`, about what swapping `a` at `p` with the channel there gains. */
  addEstimates(order: Int32Array, a: number, p: number, estimates: Float64Array): void {
    const {affinity, channels, n} = this;
    const own = Math.floor(p / n) * channels;
    for (let q = 0, row = 0; q < channels; row += channels) {
      const moved = affinity[row + a] - affinity[own + a];
      for (const end = Math.min(channels, q + n); q < end; q++) {
        estimates[q] += moved + affinity[own + order[q]] - affinity[row + order[q]];
      }
    }
  }
}
