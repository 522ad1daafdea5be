import type {FitShape} from '../../pruning';

/** From the graph's order of columns, taps outside, to that of blocks, the taps of a channel side by side, and back. */
export class ColumnOrder {
  private readonly columns: number;
  /** Where each column of blocks is in the graph's order. */
  readonly places: Int32Array;

  constructor(private readonly shape: FitShape) {
    const {channels, taps} = shape;
    this.columns = channels * taps;
    this.places = Int32Array.from({length: this.columns}, (_, k) => (k % taps) * channels + Math.floor(k / taps));
  }

  sortRows(matrix: Float64Array): Float64Array {
    if (this.shape.taps === 1) return matrix;
    const width = matrix.length / this.columns;
    const sorted = new Float64Array(matrix.length);
    for (let k = 0; k < this.columns; k++) {
      const from = this.places[k] * width;
      sorted.set(matrix.subarray(from, from + width), k * width);
    }
    return sorted;
  }

  sortBoth(matrix: Float64Array): Float64Array {
    if (this.shape.taps === 1) return matrix;
    const {columns} = this;
    const rows = this.sortRows(matrix);
    const sorted = new Float64Array(matrix.length);
    for (let i = 0, to = 0; i < columns; i++) {
      for (let k = 0; k < columns; k++, to++) sorted[to] = rows[i * columns + this.places[k]];
    }
    return sorted;
  }

  /** `[filters, columns]` of the graph's filter. */
  rowsOf(filter: Float32Array): Float64Array {
    const {filters} = this.shape;
    const rows = new Float64Array(filter.length);
    const {places} = this;
    for (let f = 0, to = 0; f < filters; f++) {
      for (let k = 0; k < this.columns; k++, to++) rows[to] = filter[places[k] * filters + f];
    }
    return rows;
  }

  /** The graph's filter of `[filters, columns]`. */
  filterOf(rows: Float64Array): Float32Array {
    const {filters} = this.shape;
    const filter = new Float32Array(rows.length);
    const {places} = this;
    for (let f = 0, from = 0; f < filters; f++) {
      for (let k = 0; k < this.columns; k++, from++) filter[places[k] * filters + f] = rows[from];
    }
    return filter;
  }
}
