/** How the smaller operand of two is repeated: the larger is [images, repeats, row], the smaller [images, 1, row]. */
export interface Repetition {
  readonly images: number;
  readonly repeats: number;
  readonly row: number;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * How a tensor is repeated to fill a larger shape.
 *
 * @param shape what it is repeated to; without zeros
 * @param small the tensor's, aligned at the last dimension; missing dimensions count as 1
 * @returns null if it has another size than `shape` along dimensions that do not follow one another, or cannot be repeated
 */
export function repetition(shape: readonly number[], small: readonly number[]): Repetition | null {
  const missing = shape.length - small.length;
  const size = (axis: number) => (axis < missing ? 1 : small[axis - missing]);
  let axis = shape.length - 1;
  let row = 1;
  for (; axis >= 0 && size(axis) === shape[axis]; axis--) row *= shape[axis];
  let repeats = 1;
  for (; axis >= 0 && size(axis) === 1; axis--) repeats *= shape[axis];
  let images = 1;
  for (; axis >= 0 && size(axis) === shape[axis]; axis--) images *= shape[axis];
  return axis < 0 && missing >= 0 ? {images, repeats, row} : null;
}
