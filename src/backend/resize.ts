import type {ResizeBilinearAttrs, TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput} from './output';
import {runItems} from './parallel';

/** Nanoseconds of an output pixel, and of each of its channels. */
const PRICES = {[Job.resizeBilinear]: [2, 0.3], [Job.resizeNearest]: [4, 0.4]};
/** From so many output values on what stands before our kernel does not matter. */
const LONG = 16384;

/**
 * Images [batch, height, width, channels] to another size on our kernels.
 *
 * @returns null where stock's kernel has to run: for other types than float32, for empty tensors, and on one thread if
 *     bilinear, whose bits are the same and where stock's takes half of our time for images that do not grow.
 */
export function resizeImages(
  backend: BlockSparseBackend,
  images: TensorInfo,
  {size, alignCorners, halfPixelCenters}: ResizeBilinearAttrs,
  job: Job.resizeBilinear | Job.resizeNearest,
): TensorInfo | null {
  const [batch, inHeight, inWidth, channels] = images.shape;
  const [outHeight, outWidth] = size;
  const bilinear = job === Job.resizeBilinear;
  const values = batch * outHeight * outWidth * channels;
  const pays = outHeight >= 1.5 * inHeight && (backend.records || values >= LONG);
  if (bilinear && backend.runner.threads === 1 && !pays) return null;
  if (images.dtype !== 'float32' || values * inHeight * inWidth === 0) return null;
  const [pixelNs, channelNs] = PRICES[job];
  return makeOutput(backend, [batch, outHeight, outWidth, channels], (output) =>
    runItems(backend, {
      job,
      words: [
        ...[backend.getMemoryOffset(images.dataId), output, inHeight, inWidth, channels, outHeight, outWidth],
        ...[Number(alignCorners), Number(halfPixelCenters)],
      ],
      items: batch * outHeight,
      nanosecondsAnItem: outWidth * (pixelNs + channelNs * channels),
      // Two lines, and three words a column.
      scratchBytes: bilinear ? outWidth * (8 * channels + 12) : 0,
    }),
  );
}
