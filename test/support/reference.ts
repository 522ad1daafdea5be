import {backend_util} from '@tensorflow/tfjs-core';
import type {ConvShape} from './shapes';

/** A fused activation as a plain function. `slope(channel)` serves prelu and leakyrelu. */
export function activate(x: number, activation: string, slope: number): number {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'relu6':
      return Math.min(Math.max(x, 0), 6);
    case 'prelu':
    case 'leakyrelu':
      return x < 0 ? x * slope : x;
    case 'elu':
      return x < 0 ? Math.expm1(x) : x;
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    default:
      throw new Error(`no reference for ${activation}`);
  }
}

/**
 * A convolution by its definition, in float64: NHWC, filter [kh, kw, cin, cout]; or a depthwise one, filter
 * [kh, kw, cin, cout / cin].
 */
export function referenceConv2d(
  shape: ConvShape,
  x: Float32Array,
  filter: Float32Array,
  bias: Float32Array | null,
  activation: string,
  slopes: (channel: number) => number,
  depthwise = false,
): Float64Array {
  const [height, width] = shape.size;
  const info = backend_util.computeConv2DInfo(
    [shape.batch, height, width, shape.cin],
    [shape.k[0], shape.k[1], shape.cin, shape.cout],
    shape.stride,
    shape.dilation,
    shape.pad,
  );
  const out = new Float64Array(shape.batch * info.outHeight * info.outWidth * shape.cout);
  let i = 0;
  for (let b = 0; b < shape.batch; b++) {
    for (let oy = 0; oy < info.outHeight; oy++) {
      for (let ox = 0; ox < info.outWidth; ox++) {
        for (let o = 0; o < shape.cout; o++, i++) {
          let sum = bias ? bias[o] : 0;
          for (let ky = 0; ky < shape.k[0]; ky++) {
            const y = oy * info.strideHeight - info.padInfo.top + ky * info.dilationHeight;
            if (y < 0 || y >= height) continue;
            for (let kx = 0; kx < shape.k[1]; kx++) {
              const column = ox * info.strideWidth - info.padInfo.left + kx * info.dilationWidth;
              if (column < 0 || column >= width) continue;
              const from = ((b * height + y) * width + column) * shape.cin;
              const tap = ky * shape.k[1] + kx;
              if (depthwise) sum += x[from + Math.floor((o * shape.cin) / shape.cout)] * filter[tap * shape.cout + o];
              else
                for (let c = 0; c < shape.cin; c++) sum += x[from + c] * filter[(tap * shape.cin + c) * shape.cout + o];
            }
          }
          out[i] = activate(sum, activation, slopes(o));
        }
      }
    }
  }
  return out;
}

/**
 * Largest absolute difference; NaN beside NaN is none, beside anything else it is infinite. Operators alone: Jest makes each
 * use of Math and Object slow, and these are millions of values.
 */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i];
    const y = b[i];
    if (x === y || (x !== x && y !== y)) continue;
    const difference = x > y ? x - y : y - x;
    if (difference !== difference) return Infinity;
    if (difference > worst) worst = difference;
  }
  return worst;
}
