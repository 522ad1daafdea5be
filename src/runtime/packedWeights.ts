import type {TfjsHeap} from './heap';
import type {WeightLayout} from './microkernels';

/** Weights in the heap, in the form that a microkernel walks; addresses in bytes. */
export interface HeapWeights extends WeightLayout {
  /** They are those of `winogradMatrices`; K is the number of input channels then. */
  readonly winograd?: boolean;
  readonly outChannels: number;
  /** Where all of it begins: for every kept block, in block-row order, N values. */
  readonly values: number;
  /** For every kept block its column, in 16 bits; 0 where dense. */
  readonly columns: number;
  readonly rowStart: number;
  /** One bit a weight, [groups, k, CHANNEL_GROUP], 1 for -0, which counts as zero; 0 where there is none. */
  readonly negativeZeros: number;
  /** Bytes that they hold. */
  readonly bytes: number;
}

/**
 * Writes packed weights out again, bit for bit.
 *
 * @param to address of k * outChannels floats
 * @param transposed whether they are to lie as [outChannels, k], not [k, outChannels]
 */
export function unpackWeights({i32, memory}: TfjsHeap, weights: HeapWeights, to: number, transposed: boolean): void {
  const {dense, n, k, outChannels, negativeZeros} = weights;
  const [kStep, channelStep] = transposed ? [1, k] : [outChannels, 1];
  const [values, rowStart, target] = [weights.values / 4, weights.rowStart / 4, to / 4];
  const columns = new Uint16Array(memory.buffer, weights.columns);
  if (!dense) {
    for (let o = 0; o < outChannels; o++) {
      const signs = negativeZeros / 4 + (o >> 5) * k;
      for (let c = 0; c < k; c++) {
        i32[target + c * kStep + o * channelStep] = negativeZeros ? (i32[signs + c] >> (o & 31)) << 31 : 0;
      }
    }
  }
  for (let first = 0, block = 0; first < outChannels; first += n) {
    const end = dense ? block + k : i32[rowStart + first / n + 1];
    const filters = Math.min(n, outChannels - first);
    for (; block < end; block++) {
      const at = target + (dense ? block % k : columns[block]) * kStep + first * channelStep;
      for (let j = 0; j < filters; j++) i32[at + j * channelStep] = i32[values + block * n + j];
    }
  }
}
