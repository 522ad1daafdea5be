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
  return makeOutputs(backend, shape, [dtype], ([address]) => compute(address))[0];
}

/** Tensors of one shape, otherwise as `makeOutput`. */
export function makeOutputs(
  backend: BlockSparseBackend,
  shape: number[],
  types: readonly DataType[],
  compute: (addresses: number[]) => void,
): TensorInfo[] {
  const outs = types.map((type) => backend.makeOutput(shape, type));
  try {
    compute(outs.map(({dataId}) => backend.getMemoryOffset(dataId)));
  } catch (error) {
    const lost = error instanceof PoolFailure;
    for (const {dataId} of outs) {
      if (lost) backend.abandonData(dataId);
      else backend.disposeData(dataId);
    }
    if (lost) return makeOutputs(backend, shape, types, compute);
    throw error;
  }
  return outs;
}
