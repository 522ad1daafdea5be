import {type KernelConfig, PadV2, type PadV2Attrs, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {options} from '../config';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** @returns null for other ranks than 4 and other types than float32: stock's kernel has to run. */
function pad(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {paddings, constantValue}: PadV2Attrs,
): TensorInfo | null {
  const {path} = options();
  if (path !== 'auto' && path.kind === 'stock') return null;
  if (x.dtype !== 'float32' || x.shape.length !== 4 || x.shape.includes(0)) return null;
  if (paddings.length !== 4 || paddings.some(([before, after]) => before < 0 || after < 0)) return null;
  const out = backend.makeOutput(
    x.shape.map((size, axis) => paddings[axis][0] + size + paddings[axis][1]),
    'float32',
  );
  const [[before0, after0], [before1, after1], [before2, after2], [before3, after3]] = paddings;
  const [batch, height, width, channels] = x.shape;
  backend.kernels.pad4d(
    backend.getMemoryOffset(x.dataId),
    backend.getMemoryOffset(out.dataId),
    batch,
    height,
    width,
    channels,
    before0,
    after0,
    before1,
    after1,
    before2,
    after2,
    before3,
    after3,
    constantValue,
  );
  return out;
}

/** TensorFlow PadV2. */
export const padV2Config: KernelConfig = {
  kernelName: PadV2,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(PadV2),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return pad(backend, inputs as {x: TensorInfo}, attrs as unknown as PadV2Attrs) ?? runStock(PadV2, args);
  },
};
