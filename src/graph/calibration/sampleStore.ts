import {getBackend, tensor, Tensor, type NamedTensorMap} from '@tensorflow/tfjs-core';
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
  if (!(values instanceof Uint16Array)) return tensor(values, [...shape], dtype);
  if (!COPYING_BACKENDS.has(getBackend())) return tensor(fromFloat16(values), [...shape], dtype);
  if (scratch.length < values.length) scratch = new Float32Array(values.length);
  return tensor(fromFloat16(values, scratch.subarray(0, values.length)), [...shape], dtype);
}

/** Backends that copy a new tensor's values at once: for them one buffer serves all, which saves most of the time. */
const COPYING_BACKENDS = new Set(['wasm', 'blocksparse-1xn']);
let scratch = new Float32Array(0);

/** Bytes that a tensor takes when it is stored. */
export function storedBytes({dtype, size}: Tensor): number {
  return size * (dtype === 'float32' ? 2 : 4);
}

const HALF_INFINITY = 0x7c00;

function halfOrFull(values: Float32Array): Uint16Array | Float32Array {
  const halves = toFloat16(values);
  for (let i = 0; i < halves.length; i++) if ((halves[i] & 0x7fff) >= HALF_INFINITY) return values.slice();
  return halves;
}

/** Restores tensors by name. */
export function restoreAll(stored: Readonly<Record<string, StoredTensor>>): NamedTensorMap {
  return Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, restoreTensor(value)]));
}
