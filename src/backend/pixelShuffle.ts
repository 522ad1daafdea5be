import type {TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput} from './output';
import {COPY_NS, runItems} from './parallel';

/**
 * Moves blocks of channels into neighbouring pixels.
 *
 * @param x float32 [batch, height, width, blockHeight * blockWidth * depth]
 * @returns [batch, height * blockHeight, width * blockWidth, depth]
 */
export function shufflePixels(
  backend: BlockSparseBackend,
  x: TensorInfo,
  blockHeight: number,
  blockWidth: number,
): TensorInfo {
  const [batch, height, width, channels] = x.shape;
  const run = channels / blockHeight;
  const outShape = [batch, height * blockHeight, width * blockWidth, run / blockWidth];
  return makeOutput(backend, outShape, (output) =>
    runItems(backend, {
      job: Job.depthToSpace,
      words: [backend.getMemoryOffset(x.dataId), output, width, blockHeight, run],
      items: batch * height * blockHeight,
      nanosecondsAnItem: COPY_NS * width * run,
    }),
  );
}
