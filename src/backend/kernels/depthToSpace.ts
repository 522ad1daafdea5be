import {DepthToSpace, type DepthToSpaceAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {ourKernel} from '../stockKernel';

/** @returns null for NCHW and other types than float32: stock's kernel has to run. */
function depthToSpace(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {blockSize, dataFormat}: DepthToSpaceAttrs,
): TensorInfo | null {
  if (dataFormat !== 'NHWC' || x.dtype !== 'float32' || x.shape.length !== 4) return null;
  const [batch, height, width, channels] = x.shape;
  const depth = channels / (blockSize * blockSize);
  return makeOutput(backend, [batch, height * blockSize, width * blockSize, depth], (output) =>
    backend.kernels.depthToSpace(backend.getMemoryOffset(x.dataId), output, batch, height, width, depth, blockSize),
  );
}

/** TensorFlow DepthToSpace, the pixel shuffle of super-resolution networks. */
export const depthToSpaceConfig = ourKernel(DepthToSpace, depthToSpace);
