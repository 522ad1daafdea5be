import {DepthToSpace, type DepthToSpaceAttrs, type KernelConfig, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {options} from '../config';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** @returns null for NCHW and other types than float32: stock's kernel has to run. */
function depthToSpace(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {blockSize, dataFormat}: DepthToSpaceAttrs,
): TensorInfo | null {
  const {path} = options();
  if (path !== 'auto' && path.kind === 'stock') return null;
  if (dataFormat !== 'NHWC' || x.dtype !== 'float32' || x.shape.length !== 4) return null;
  const [batch, height, width, channels] = x.shape;
  const depth = channels / (blockSize * blockSize);
  const out = backend.makeOutput([batch, height * blockSize, width * blockSize, depth], 'float32');
  backend.kernels.depthToSpace(
    backend.getMemoryOffset(x.dataId),
    backend.getMemoryOffset(out.dataId),
    batch,
    height,
    width,
    depth,
    blockSize,
  );
  return out;
}

/** TensorFlow DepthToSpace, the pixel shuffle of super-resolution networks. */
export const depthToSpaceConfig: KernelConfig = {
  kernelName: DepthToSpace,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(DepthToSpace),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return (
      depthToSpace(backend, inputs as {x: TensorInfo}, attrs as unknown as DepthToSpaceAttrs) ??
      runStock(DepthToSpace, args)
    );
  },
};
