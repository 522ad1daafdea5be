import {type TensorInfo, Tile, type TileAttrs} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {type Axis, gatherRuns, isCopied, runsOf} from '../copies';
import {ourKernel} from '../stockKernel';

/**
 * @returns null where stock's kernel has to run: other types than float32 and int32, empty tensors, and repetitions along
 *     axes that are too many and too far apart for three axes of runs.
 */
function tile(backend: BlockSparseBackend, {x}: {x: TensorInfo}, {reps}: TileAttrs): TensorInfo | null {
  const {dtype, shape} = x;
  const outShape = shape.map((size, i) => size * reps[i]);
  if (!isCopied(dtype) || !outShape.every((size) => size > 0)) return null;
  const axes: Axis[] = [];
  for (let i = shape.length - 1, stride = 1; i >= 0; stride *= shape[i--]) {
    axes.push({size: shape[i], stride}, {size: reps[i], stride: 0});
  }
  const runs = runsOf(axes);
  return runs && gatherRuns(backend, x, [0], runs, outShape)[0];
}

/** TensorFlow Tile: axis i is repeated reps[i] times. */
export const tileConfig = ourKernel(Tile, tile);
