import {randomFloats, randomNumbers} from './random';

/** Types whose values are copied as 4 bytes. */
export type CopiedType = 'float32' | 'int32';
export const COPIED_TYPES: readonly CopiedType[] = ['float32', 'int32'];

/** Values whose bits have to survive a copy whatever they stand for: integers that are NaNs as floats, say. */
export function valuesOf(shape: readonly number[], seed: number, dtype: CopiedType = 'float32') {
  const floats = randomFloats(sizeOf(shape), randomNumbers(seed));
  const values = dtype === 'float32' ? floats : new Int32Array(floats.buffer);
  const special = dtype === 'float32' ? [NaN, -0, Infinity, 1e-40] : [0x7f800001, -1, 1, -0x80000000];
  special.forEach((value, i) => i < values.length - 1 && (values[i] = value));
  return values;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A tensor's values, each from its coordinates. */
export function referenceOf(dtype: CopiedType, shape: readonly number[], valueAt: (coordinates: number[]) => number) {
  const values = dtype === 'float32' ? new Float32Array(sizeOf(shape)) : new Int32Array(sizeOf(shape));
  const coordinates = shape.map(() => 0);
  for (let i = 0; i < values.length; i++) {
    values[i] = valueAt([...coordinates]);
    for (let axis = shape.length - 1; axis >= 0 && ++coordinates[axis] === shape[axis]; axis--) coordinates[axis] = 0;
  }
  return values;
}

/** The place of a value in a tensor of shape `shape`. */
export function placeOf(shape: readonly number[], coordinates: readonly number[]): number {
  return shape.reduce((place, size, axis) => place * size + coordinates[axis], 0);
}
