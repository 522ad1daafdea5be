import type {ResizeBilinearAttrs, TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput} from './output';
import {runItems} from './parallel';

/** Nanoseconds of an output pixel, beside those of its channels. */
const PIXEL_NS = 4;
/** Floats that we resize in less than the 3 us that a call of stock's kernel between two regions takes beside its own time. */
const SMALL_OUTPUT = 8192;
const CHANNEL_NS = {[Job.resizeBilinear]: 0.6, [Job.resizeNearest]: 0.4};

/**
 * Images [batch, height, width, channels] to another size on our kernels.
 *
 * @returns null where stock's kernel has to run: for other types than float32, for empty tensors, and on one thread if
 *     bilinear, whose bits are the same and where stock's takes 0.6 of our time; but in programs if it is small.
 */
export function resizeImages(
  backend: BlockSparseBackend,
  images: TensorInfo,
  {size, alignCorners, halfPixelCenters}: ResizeBilinearAttrs,
  job: Job.resizeBilinear | Job.resizeNearest,
): TensorInfo | null {
  const [batch, inHeight, inWidth, channels] = images.shape;
  const [outHeight, outWidth] = size;
  const small = backend.records && batch * outHeight * outWidth * channels <= SMALL_OUTPUT;
  if (job === Job.resizeBilinear && backend.runner.threads === 1 && !small) return null;
  if (images.dtype !== 'float32' || batch * inHeight * inWidth * channels * outHeight * outWidth === 0) return null;
  return makeOutput(backend, [batch, outHeight, outWidth, channels], (output) =>
    runItems(backend, {
      job,
      words: [
        ...[backend.getMemoryOffset(images.dataId), output, inHeight, inWidth, channels, outHeight, outWidth],
        ...[Number(alignCorners), Number(halfPixelCenters)],
      ],
      items: batch * outHeight,
      nanosecondsAnItem: outWidth * (PIXEL_NS + CHANNEL_NS[job] * channels),
    }),
  );
}
