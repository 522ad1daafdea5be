import type {BlockSize} from '../packed';
import type {TfjsHeap} from './heap';
import {panelTile, type WeightLayout} from './microkernels';

/** Weights in the heap, in the form that a microkernel walks; addresses in bytes. */
export interface HeapWeights {
  readonly layout: WeightLayout;
  readonly n: number;
  readonly k: number;
  readonly outChannels: number;
  /** Where all of it begins: for every kept block, in block-row order, N values. */
  readonly values: number;
  /** For every kept block the offset of its column, in steps of `columnBytes`; 0 where dense. */
  readonly offsets: number;
  readonly rowStart: number;
  /** One bit a weight, [groups, k, CHANNEL_GROUP], 1 for -0, which counts as zero; 0 where there is none. */
  readonly negativeZeros: number;
  /** Bytes that they hold. */
  readonly bytes: number;
}

/** The layout of blocks of N that are all there (`dense`, N = 8), or of those that are kept. */
export function weightLayout(n: BlockSize, dense: boolean): WeightLayout {
  if (n <= 4) return `panel${n as 1 | 2 | 4}`;
  return dense ? 'dense' : 'rows';
}

/** How far the offsets of two neighbouring columns are apart. */
export function columnBytes(layout: WeightLayout): number {
  return 4 * (panelTile(layout) || 1);
}

/**
 * Writes packed weights out again, bit for bit.
 *
 * @param to address of k * outChannels floats
 * @param transposed whether they are to lie as [outChannels, k], not [k, outChannels]
 */
export function unpackWeights({i32}: TfjsHeap, weights: HeapWeights, to: number, transposed: boolean): void {
  const {layout, n, k, outChannels, negativeZeros} = weights;
  const [kStep, channelStep] = transposed ? [1, k] : [outChannels, 1];
  const [values, offsets, rowStart, target] = [weights.values, weights.offsets, weights.rowStart, to].map((a) => a / 4);
  if (offsets) {
    for (let o = 0; o < outChannels; o++) {
      const signs = negativeZeros / 4 + (o >> 5) * k;
      for (let c = 0; c < k; c++) {
        i32[target + c * kStep + o * channelStep] = negativeZeros ? ((i32[signs + c] >> (o & 31)) & 1) << 31 : 0;
      }
    }
  }
  const column = columnBytes(layout);
  for (let first = 0, block = 0; first < outChannels; first += n) {
    const end = offsets ? i32[rowStart + first / n + 1] : block + k;
    const filters = Math.min(n, outChannels - first);
    for (; block < end; block++) {
      const c = offsets ? i32[offsets + block] / column : block % k;
      const at = target + c * kStep + first * channelStep;
      for (let j = 0; j < filters; j++) i32[at + j * channelStep] = i32[values + block * n + j];
    }
  }
}
