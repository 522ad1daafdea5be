import type {TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from './blockSparseBackend';

/**
 * A new float32 tensor that `compute` fills, given the address of its data. If `compute` throws, the tensor is freed.
 */
export function makeOutput(
  backend: BlockSparseBackend,
  shape: number[],
  compute: (address: number) => void,
): TensorInfo {
  const out = backend.makeOutput(shape, 'float32');
  try {
    compute(backend.getMemoryOffset(out.dataId));
  } catch (error) {
    backend.disposeData(out.dataId);
    throw error;
  }
  return out;
}
