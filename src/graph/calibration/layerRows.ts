import {
  concat,
  gather,
  pad,
  reshape,
  tensor1d,
  tidy,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import {placeWindow, type WalkLayer} from './walkLayers';

/** How many positions an image has for a layer, from its input's shape. */
export function positionsOf({window}: WalkLayer, shape: readonly number[]): number {
  if (!window) return shape.slice(1, -1).reduce((product, size) => product * size, 1);
  const {outHeight, outWidth} = placeWindow(window, shape);
  return outHeight * outWidth;
}

/**
 * The inputs of some output positions, the same ones of each image.
 *
 * @param input `[batch, height, width, channels]`, of matrix products `[batch, ..., channels]`
 * @param positions flat indices of output positions
 * @returns `[batch * positions, taps * channels]`
 */
export function gatherRows(layer: WalkLayer, input: Tensor, positions: Int32Array): Tensor2D {
  const channels = input.shape.at(-1)!;
  const {window} = layer;
  return tidy(() => {
    if (!window) return gatherPixels(input, positions);
    const [taps] = [window.taps[0] * window.taps[1]];
    const {padInfo, outWidth, inWidth, inHeight} = placeWindow(window, input.shape);
    const {top, bottom, left, right} = padInfo;
    const isPadded = top + bottom + left + right > 0;
    const padded = isPadded ? pad(input as Tensor4D, [[0, 0], [top, bottom], [left, right], [0, 0]]) : input; // prettier-ignore
    const width = inWidth + left + right;
    const places = new Int32Array(positions.length * taps);
    let at = 0;
    for (const position of positions) {
      const y = Math.floor(position / outWidth) * window.strides[0];
      const x = (position % outWidth) * window.strides[1];
      for (let i = 0; i < window.taps[0]; i++) {
        for (let j = 0; j < window.taps[1]; j++) {
          places[at++] = (y + i * window.dilations[0]) * width + x + j * window.dilations[1];
        }
      }
    }
    const flat = reshape(padded, [input.shape[0], (inHeight + top + bottom) * width, channels]);
    return reshape(gather(flat, tensor1d(places, 'int32'), 1), [-1, taps * channels]) as Tensor2D;
  });
}

/** Values at some positions: `[batch * positions, channels]` of `[batch, ..., channels]`. */
export function gatherPixels(input: Tensor, positions: Int32Array): Tensor2D {
  const channels = input.shape.at(-1)!;
  return tidy(() => {
    const flat = reshape(input, [input.shape[0], -1, channels]);
    const picked = positions.length === flat.shape[1]! ? flat : gather(flat, tensor1d(positions, 'int32'), 1);
    return reshape(picked, [-1, channels]) as Tensor2D;
  });
}

/** Some different positions, ascending. */
export function pickPositions(all: number, most: number, random: () => number): Int32Array {
  const order = Int32Array.from({length: all}, (_, i) => i);
  if (all <= most) return order;
  for (let i = 0; i < most; i++) {
    const other = i + Math.floor(random() * (all - i));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order.slice(0, most).sort();
}

/** Rows in chunks of a few thousand, as products of matrices like them. */
export class RowChunks {
  readonly chunks: Tensor2D[] = [];
  private pending: Tensor2D[] = [];
  private rows = 0;

  constructor(private readonly chunkRows: number) {}

  /** Takes the tensor over. */
  add(rows: Tensor2D): void {
    this.pending.push(rows);
    this.rows += rows.shape[0];
    if (this.rows >= this.chunkRows) this.flush();
  }

  flush(): void {
    if (this.pending.length === 0) return;
    this.chunks.push(this.pending.length === 1 ? this.pending[0] : concat(this.pending, 0));
    if (this.pending.length > 1) for (const part of this.pending) part.dispose();
    this.pending = [];
    this.rows = 0;
  }

  dispose(): void {
    for (const tensor of [...this.chunks, ...this.pending]) tensor.dispose();
  }
}
