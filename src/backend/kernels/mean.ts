import {Mean, type MeanAttrs, Sum, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {floatBits} from '../../runtime';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {COPY_NS, runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** Channels of an item: kernels/spatial.ts. */
const GROUP = 16;

/**
 * Mean or sum over the pixels of NHWC images (axes 1 and 2), where stock transposes the whole tensor first; sums over the
 * images, too: what biases have for a gradient.
 *
 * @returns null for any other axes: stock's kernel has to run.
 */
function reducePixels(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {axis, keepDims}: MeanAttrs,
  sum: boolean,
): TensorInfo | null {
  const {shape} = x;
  if (x.dtype !== 'float32' || shape.length !== 4 || shape.includes(0)) return null;
  const axes = util.parseAxisParam(axis, shape).sort().join();
  const all = sum && axes === '0,1,2';
  if (!all && axes !== '1,2') return null;
  const [, height, width, channels] = shape;
  const batch = all ? 1 : shape[0];
  const pixels = (shape[0] / batch) * height * width;
  const kept = all ? [] : [batch];
  const outShape = keepDims ? [batch, 1, 1, channels] : [...kept, channels];
  return makeOutput(backend, outShape, (output) =>
    runItems(backend, {
      job: Job.meanPixels,
      words: [backend.getMemoryOffset(x.dataId), output, pixels, channels, floatBits(sum ? 1 : pixels)],
      items: batch * Math.ceil(channels / GROUP),
      nanosecondsAnItem: COPY_NS * pixels * Math.min(channels, GROUP),
    }),
  );
}

const reduction = (kernelName: string) =>
  ourKernel(kernelName, (backend, inputs: {x: TensorInfo}, attrs: MeanAttrs) =>
    reducePixels(backend, inputs, attrs, kernelName === Sum),
  );

/** TensorFlow Mean. */
export const meanConfig = reduction(Mean);
/** TensorFlow Sum. */
export const sumConfig = reduction(Sum);
