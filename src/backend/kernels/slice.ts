import {Slice, type SliceAttrs, slice_util, type Tensor, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {type Axis, gatherRuns, isCopied, runsOf} from '../copies';
import {ourKernel} from '../stockKernel';

/**
 * @returns null where stock's kernel has to run: other types than float32 and int32, empty slices, those that reach beyond
 *     x, and more than three axes of runs.
 */
function slice(backend: BlockSparseBackend, {x}: {x: TensorInfo}, attrs: SliceAttrs): TensorInfo | null {
  const {dtype, shape} = x;
  if (!isCopied(dtype)) return null;
  const [begin, size] = slice_util.parseSliceParams(x as Tensor, attrs.begin, attrs.size);
  const axes: Axis[] = [];
  let offset = 0;
  for (let i = shape.length - 1, stride = 1; i >= 0; stride *= shape[i--]) {
    if (begin[i] < 0 || size[i] < 1 || begin[i] + size[i] > shape[i]) return null;
    axes.push({size: size[i], stride});
    offset += begin[i] * stride;
  }
  const runs = runsOf(axes);
  return runs && gatherRuns(backend, x, [offset], runs, size)[0];
}

/** TensorFlow Slice. */
export const sliceConfig = ourKernel(Slice, slice);
