import {backend_util, type MaxPoolAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput} from './output';
import {runItems} from './parallel';

/** Time of a float of a window, in nanoseconds. */
const FOLD_NS = 0.15;

/**
 * Pooling of NHWC images on our kernels.
 *
 * NaN: a maximum passes over it, as tfjs's reference does, and a mean becomes NaN. Stock's wasm kernels, on x86, give
 * -Infinity for some of both, by where in the window it lies.
 *
 * @returns null where stock's kernel has to run: other types than float32, nothing to compute, windows of nothing but
 *     padding.
 */
export function poolImages(
  backend: BlockSparseBackend,
  x: TensorInfo,
  {filterSize, strides, pad, dimRoundingMode}: MaxPoolAttrs,
  job: Job.maxPool | Job.avgPool,
): TensorInfo | null {
  if (x.dtype !== 'float32' || x.shape.length !== 4) return null;
  const info = backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    filterSize,
    strides,
    1 /* dilations */,
    pad,
    dimRoundingMode,
  );
  const {batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth} = info;
  const {strideHeight, strideWidth} = info;
  const {top, left} = info.padInfo;
  if (info.outShape.includes(0) || top >= filterHeight || left >= filterWidth) return null;
  if ((outHeight - 1) * strideHeight - top >= inHeight || (outWidth - 1) * strideWidth - left >= inWidth) return null;
  return makeOutput(backend, info.outShape, (output) =>
    runItems(backend, {
      job,
      words: [
        ...[backend.getMemoryOffset(x.dataId), output, inHeight, inWidth, inChannels, outHeight, outWidth],
        ...[filterHeight, filterWidth, strideHeight, strideWidth, top, left],
      ],
      items: batchSize * outHeight,
      nanosecondsAnItem: FOLD_NS * outWidth * inChannels * (1 + filterHeight * filterWidth),
    }),
  );
}
