/** Gradients of ops that pick elements by their place: what was picked gets its gradient back, all else zero. */
import {
  cast,
  gather,
  matMul,
  oneHot,
  pad,
  reshape,
  reverse,
  slice,
  slice_util,
  tensor1d,
  transpose,
  util,
  type Tensor,
  type Tensor1D,
  type Tensor3D,
} from '@tensorflow/tfjs-core';

export interface GatherAttrs {
  readonly axis: number;
  readonly batchDims: number;
}

/**
 * Of `GatherV2` with regard to x: each element gets the sum of what was made of it.
 *
 * @throws Error for batch dimensions
 */
export function gatherGradient(dy: Tensor, x: Tensor, indices: Tensor, {axis, batchDims}: GatherAttrs): Tensor {
  if (batchDims > 0) throw new Error('gradient function not found for GatherV2 with batch dimensions.');
  const [at] = util.parseAxisParam(axis, x.shape);
  const size = x.shape[at];
  const outer = util.sizeFromShape(x.shape.slice(0, at));
  const inner = util.sizeFromShape(x.shape.slice(at + 1));
  const picked = reshape(dy, [outer, indices.size, inner]);
  const inverse = inverseOf(indices.dataSync(), size);
  if (inverse) return reshape(gather(picked, tensor1d(inverse, 'int32'), 1), x.shape);
  const rows = reshape(transpose(picked, [0, 2, 1]), [outer * inner, indices.size]);
  // The stock backend writes whole numbers' bits where it is asked for a float32 oneHot.
  const sums = matMul(rows, cast(oneHot(reshape(indices, [-1]) as Tensor1D, size), 'float32'));
  return reshape(transpose(reshape(sums, [outer, inner, size]) as Tensor3D, [0, 2, 1]), x.shape);
}

/** Where each of `size` places went, or null where some went nowhere or twice. */
function inverseOf(indices: ArrayLike<number>, size: number): Int32Array | null {
  if (indices.length !== size) return null;
  const inverse = new Int32Array(size).fill(-1);
  for (let i = 0; i < size; i++) inverse[indices[i]] = i;
  return inverse.includes(-1) ? null : inverse;
}

export interface StridedSliceAttrs {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

/** Of `StridedSlice` with regard to x. */
export function stridedSliceGradient(dy: Tensor, x: Tensor, attrs: StridedSliceAttrs): Tensor {
  const {begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask} = attrs;
  const info = slice_util.sliceInfo(
    ...([x.shape, begin, end, strides, beginMask, endMask] as const),
    ...([ellipsisMask, newAxisMask, shrinkAxisMask] as const),
  );
  const counts = slice_util.computeOutShape(info.begin, info.end, info.strides);
  let spread = reshape(dy, counts);
  const first = info.begin.slice();
  info.strides.forEach((stride, axis) => {
    if (stride < 0) {
      spread = reverse(spread, axis);
      first[axis] += (counts[axis] - 1) * stride;
    }
    spread = spreadAlong(spread, axis, Math.abs(stride));
  });
  return pad(
    spread,
    x.shape.map((size, axis) => [first[axis], size - first[axis] - spread.shape[axis]] as [number, number]),
  );
}

/** Zeros between neighbours, so that they lie `stride` apart. */
function spreadAlong(x: Tensor, axis: number, stride: number): Tensor {
  if (stride === 1 || x.shape[axis] <= 1) return x;
  const [before, count, after] = [x.shape.slice(0, axis), x.shape[axis], x.shape.slice(axis + 1)];
  const apart = pad(reshape(x, [util.sizeFromShape(before), count, 1, util.sizeFromShape(after)]), [
    [0, 0],
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  const whole = reshape(apart, [...before, count * stride, ...after]);
  const size = [...before, (count - 1) * stride + 1, ...after];
  return slice(
    whole,
    size.map(() => 0),
    size,
  );
}
