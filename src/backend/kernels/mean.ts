import {Mean, type MeanAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {COPY_NS, runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** Channels of an item: kernels/spatial.ts. */
const GROUP = 16;

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
    runItems(backend, {
      job: Job.meanPixels,
      words: [backend.getMemoryOffset(x.dataId), output, height * width, channels],
      items: batch * Math.ceil(channels / GROUP),
      nanosecondsAnItem: COPY_NS * height * width * Math.min(channels, GROUP),
    }),
  );
}

/** TensorFlow Mean. */
export const meanConfig = ourKernel(Mean, meanPixels);
