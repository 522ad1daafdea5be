import {tensor, Tensor, type NamedTensorMap} from '@tensorflow/tfjs-core';
import {fromFloat16, toFloat16} from '../../packed';

/** A tensor's values, floats with half precision where they fit. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Uint16Array | Float32Array | Int32Array;
  readonly dtype: 'float32' | 'int32' | 'bool';
}

export function storeTensor(given: Tensor): StoredTensor {
  const {shape, dtype} = given;
  const values = given.dataSync();
  if (dtype === 'float32') return {shape, dtype, values: halfOrFull(values as Float32Array)};
  if (dtype !== 'int32' && dtype !== 'bool') throw new Error(`Samples: a tensor of type ${dtype} cannot be kept.`);
  return {shape, dtype, values: Int32Array.from(values)};
}

export function restoreTensor({shape, dtype, values}: StoredTensor): Tensor {
  return tensor(values instanceof Uint16Array ? fromFloat16(values) : values, [...shape], dtype);
}

/** Bytes that a tensor takes when it is stored. */
export function storedBytes({dtype, size}: Tensor): number {
  return size * (dtype === 'float32' ? 2 : 4);
}

const MOST_HALF = 65504;

function halfOrFull(values: Float32Array): Uint16Array | Float32Array {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value > MOST_HALF || value < -MOST_HALF) return values.slice();
  }
  return toFloat16(values);
}

/** Restores tensors by name. */
export function restoreAll(stored: Readonly<Record<string, StoredTensor>>): NamedTensorMap {
  return Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, restoreTensor(value)]));
}
