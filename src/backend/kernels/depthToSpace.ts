import {DepthToSpace, type DepthToSpaceAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {shufflePixels} from '../pixelShuffle';
import {ourKernel} from '../stockKernel';

/** @returns null for NCHW and other types than float32: stock's kernel has to run. */
function depthToSpace(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {blockSize, dataFormat}: DepthToSpaceAttrs,
): TensorInfo | null {
  if (dataFormat !== 'NHWC' || x.dtype !== 'float32' || x.shape.length !== 4) return null;
  return shufflePixels(backend, x, blockSize, blockSize);
}

/** TensorFlow DepthToSpace, the pixel shuffle of super-resolution networks. */
export const depthToSpaceConfig = ourKernel(DepthToSpace, depthToSpace);
