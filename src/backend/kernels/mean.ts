import {Mean, type MeanAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {ourKernel} from '../stockKernel';

/**
 * Mean over the pixels of NHWC images (axes 1 and 2), where stock transposes the whole tensor first.
 *
 * @returns null for any other mean: stock's kernel has to run.
 */
function meanPixels(backend: BlockSparseBackend, {x}: {x: TensorInfo}, {axis, keepDims}: MeanAttrs): TensorInfo | null {
  if (x.dtype !== 'float32' || x.shape.length !== 4 || x.shape.includes(0)) return null;
  const axes = util.parseAxisParam(axis, x.shape).sort();
  if (axes.length !== 2 || axes[0] !== 1 || axes[1] !== 2) return null;
  const [batch, height, width, channels] = x.shape;
  return makeOutput(backend, keepDims ? [batch, 1, 1, channels] : [batch, channels], (output) =>
    backend.kernels.meanPixels(backend.getMemoryOffset(x.dataId), output, batch, height * width, channels),
  );
}

/** TensorFlow Mean. */
export const meanConfig = ourKernel(Mean, meanPixels);
