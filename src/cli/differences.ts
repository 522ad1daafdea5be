/** How far the outputs of two models lie apart. */
import type {Output} from './engine';

/** Of one output, over all samples. Plain data, ready for JSON. */
export interface OutputDifference {
  readonly output: string;
  readonly shape: readonly number[];
  /** Largest absolute difference; `null` where the two cannot be compared, see `problem`. */
  readonly maxAbsDifference: number | null;
  /** Largest less smallest finite value that the first model gave. */
  readonly range: number;
  /** `maxAbsDifference` as a share of the range; of the largest magnitude where all values are one. */
  readonly relative: number | null;
  /** Share of rows with the same largest value, where the output looks like scores of classes; else `null`. */
  readonly top1Agreement: number | null;
  /** What keeps the two from being compared: shapes, or a NaN or infinity in one of them alone. */
  readonly problem: string | null;
}

/** Adds up the samples of one output. */
export class OutputComparison {
  private difference = 0;
  private low = Infinity;
  private high = -Infinity;
  private rows = 0;
  private agreeing = 0;
  private problem: string | null = null;
  private shape: readonly number[] = [];
  private isScores = true;

  constructor(private readonly name: string) {}

  add(first: Output, second: Output): void {
    this.shape = first.shape;
    for (const value of first.data) {
      if (!Number.isFinite(value)) continue;
      if (value < this.low) this.low = value;
      if (value > this.high) this.high = value;
    }
    this.isScores &&= looksLikeScores(first.shape);
    if (String(first.shape) !== String(second.shape)) {
      this.problem ??= `shapes differ: [${first.shape.join(', ')}] and [${second.shape.join(', ')}]`;
      return;
    }
    this.difference = Math.max(this.difference, this.largestDifference(first.data, second.data));
    if (this.isScores) this.compareRows(first, second);
  }

  result(): OutputDifference {
    const range = this.high >= this.low ? this.high - this.low : 0;
    const scale = range || Math.max(Math.abs(this.low), Math.abs(this.high));
    const {difference, problem, rows} = this;
    const relative = difference === 0 || !(scale > 0 && scale < Infinity) ? difference : difference / scale;
    return {
      output: this.name,
      shape: this.shape,
      maxAbsDifference: problem === null ? difference : null,
      range,
      relative: problem === null ? relative : null,
      top1Agreement: problem === null && this.isScores && rows > 0 ? this.agreeing / rows : null,
      problem,
    };
  }

  private largestDifference(first: Output['data'], second: Output['data']): number {
    let largest = 0;
    for (let i = 0; i < first.length; i++) {
      if (Object.is(first[i], second[i])) continue;
      const difference = Math.abs(first[i] - second[i]);
      if (difference > largest) largest = difference;
      if (!(difference < Infinity)) this.problem ??= `a value is ${first[i]} in one and ${second[i]} in the other`;
    }
    return largest;
  }

  private compareRows(first: Output, second: Output): void {
    const [rows, classes] = first.shape;
    for (let row = 0; row < rows; row++) {
      const best = [first, second].map(({data}) => largestAt(data.subarray(row * classes, (row + 1) * classes)));
      if (best[0] === best[1]) this.agreeing++;
    }
    this.rows += rows;
  }
}

/** A row of two classes or more for each example. */
const looksLikeScores = (shape: readonly number[]) => shape.length === 2 && shape[1] > 1;

function largestAt(values: Output['data']): number {
  let at = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[at]) at = i;
  return at;
}
