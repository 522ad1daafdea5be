import {type KernelConfig, Mean, type MeanAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {options} from '../config';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/**
 * Mean over the pixels of NHWC images (axes 1 and 2), where stock transposes the whole tensor first.
 *
 * @returns null for any other mean: stock's kernel has to run.
 */
function meanPixels(backend: BlockSparseBackend, {x}: {x: TensorInfo}, {axis, keepDims}: MeanAttrs): TensorInfo | null {
  const {path} = options();
  if (path !== 'auto' && path.kind === 'stock') return null;
  if (x.dtype !== 'float32' || x.shape.length !== 4 || x.shape.includes(0)) return null;
  const axes = util.parseAxisParam(axis, x.shape).sort();
  if (axes.length !== 2 || axes[0] !== 1 || axes[1] !== 2) return null;
  const [batch, height, width, channels] = x.shape;
  const out = backend.makeOutput(keepDims ? [batch, 1, 1, channels] : [batch, channels], 'float32');
  backend.kernels.meanPixels(
    backend.getMemoryOffset(x.dataId),
    backend.getMemoryOffset(out.dataId),
    batch,
    height * width,
    channels,
  );
  return out;
}

/** TensorFlow Mean. */
export const meanConfig: KernelConfig = {
  kernelName: Mean,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(Mean),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return meanPixels(backend, inputs as {x: TensorInfo}, attrs as unknown as MeanAttrs) ?? runStock(Mean, args);
  },
};
