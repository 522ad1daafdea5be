import type {DataType, TensorInfo} from '@tensorflow/tfjs-core';
import {PoolFailure} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';

/**
 * A new tensor, float32 unless told otherwise, that `compute` fills, given the address of its data. If `compute` throws, the tensor is freed.
 *
 * If a worker thread died over it, `compute` is called once more, for another tensor and without workers: it must depend
 * on nothing but its argument.
 */
export function makeOutput(
  backend: BlockSparseBackend,
  shape: number[],
  compute: (address: number) => void,
  dtype: DataType = 'float32',
): TensorInfo {
  const out = backend.makeOutput(shape, dtype);
  try {
    compute(backend.getMemoryOffset(out.dataId));
  } catch (error) {
    if (error instanceof PoolFailure) {
      backend.abandonData(out.dataId);
      return makeOutput(backend, shape, compute, dtype);
    }
    backend.disposeData(out.dataId);
    throw error;
  }
  return out;
}
