// Gradients of convolutions with regard to their filters, and of depthwise ones with regard to their input, too. (A dense
// convolution's input gradient is a transposed convolution: sumTaps.ts.) Each value is summed up by one thread in one order.
import {fillFloats} from './copy';
import {fma, load4, loadLanes, store4} from './simd';
import {GradientTask} from './task';

/** Sums begin anew after so many pixels, or a float32 would lose what is small beside what it has gathered. */
const MOST_TERMS: i32 = 512;

/** The first of the outputs along an axis for which a tap lies inside the image. */
@inline
function firstInside(reach: i32, stride: i32): i32 {
  return reach <= 0 ? 0 : (reach + stride - 1) / stride;
}

/** The end of these outputs. */
@inline
function endInside(reach: i32, size: i32, stride: i32, outputs: i32): i32 {
  return size + reach <= 0 ? 0 : min(outputs, (size - 1 + reach) / stride + 1);
}

/** Of a convolution: see `GradientTask`. Items: four input channels of a tap. */
export function filterGradient(task: usize, begin: i32, end: i32): void {
  const inChannels = load<i32>(task, GradientTask.inChannels << 2), outChannels = load<i32>(task, GradientTask.outChannels << 2);
  const outHeight = load<i32>(task, GradientTask.outHeight << 2), outWidth = load<i32>(task, GradientTask.outWidth << 2);
  const inHeight = load<i32>(task, GradientTask.inHeight << 2), inWidth = load<i32>(task, GradientTask.inWidth << 2);
  const kernelWidth = load<i32>(task, GradientTask.kernelWidth << 2);
  const strideHeight = load<i32>(task, GradientTask.strideHeight << 2), strideWidth = load<i32>(task, GradientTask.strideWidth << 2);
  const batch = load<i32>(task, GradientTask.batch << 2);
  const input = <usize>load<i32>(task, GradientTask.input << 2), dy = <usize>load<i32>(task, GradientTask.dy << 2);
  const groups = (inChannels + 3) / 4;
  const inBytes = <usize>inChannels << 2, outBytes = <usize>outChannels << 2;
  const step = <usize>strideWidth * inBytes;
  // With fewer than 4 the last one stands for those that are not there.
  const x1 = <usize>min(1, inChannels - 1) << 2, x2 = <usize>min(2, inChannels - 1) << 2, x3 = <usize>min(3, inChannels - 1) << 2;
  const narrow = outChannels < 4;
  const second: usize = outChannels >= 8 ? 16 : <usize>max(outChannels - 4, 0) << 2;
  for (let item = begin; item < end; item++) {
    const tap = item / groups, channel = max(0, min(item % groups * 4, inChannels - 4));
    const reachY = load<i32>(task, GradientTask.padTop << 2) - tap / kernelWidth * load<i32>(task, GradientTask.dilationHeight << 2);
    const reachX = load<i32>(task, GradientTask.padLeft << 2) - tap % kernelWidth * load<i32>(task, GradientTask.dilationWidth << 2);
    const top = firstInside(reachY, strideHeight), bottom = endInside(reachY, inHeight, strideHeight, outHeight);
    const left = firstInside(reachX, strideWidth), right = endInside(reachX, inWidth, strideWidth, outWidth);
    const out = <usize>load<i32>(task, GradientTask.output << 2) + <usize>(tap * inChannels + channel) * outBytes;
    for (let c = 0; c < min(4, inChannels); c++) fillFloats(out + <usize>c * outBytes, 0, outChannels);
    if (top >= bottom || left >= right) continue;
    for (let c = 0; c < outChannels; c += 8) {
      // The last eight may be some of those before: they are computed once more.
      const at = <usize>max(0, min(c, outChannels - 8)) << 2;
      let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
      let s0 = a0, s1 = a0, s2 = a0, s3 = a0, t0 = a0, t1 = a0, t2 = a0, t3 = a0;
      let terms = 0;
      for (let image = 0; image < batch; image++) {
        for (let y = top; y < bottom; y++) {
          let x = input + (<usize>((image * inHeight + y * strideHeight - reachY) * inWidth + left * strideWidth - reachX) * <usize>inChannels + <usize>channel << 2);
          let d = dy + <usize>((image * outHeight + y) * outWidth + left) * outBytes + at;
          for (const last = d + <usize>(right - left) * outBytes; d < last; d += outBytes, x += step) {
            const low = narrow ? loadLanes(d, outChannels) : v128.load(d);
            const high = narrow ? low : v128.load(d + second);
            let s = v128.load32_splat(x);
            a0 = fma(s, low, a0); b0 = fma(s, high, b0);
            s = v128.load32_splat(x + x1);
            a1 = fma(s, low, a1); b1 = fma(s, high, b1);
            s = v128.load32_splat(x + x2);
            a2 = fma(s, low, a2); b2 = fma(s, high, b2);
            s = v128.load32_splat(x + x3);
            a3 = fma(s, low, a3); b3 = fma(s, high, b3);
          }
          terms += right - left;
          if (terms >= MOST_TERMS) {
            terms = 0;
            s0 = f32x4.add(s0, a0); s1 = f32x4.add(s1, a1); s2 = f32x4.add(s2, a2); s3 = f32x4.add(s3, a3);
            t0 = f32x4.add(t0, b0); t1 = f32x4.add(t1, b1); t2 = f32x4.add(t2, b2); t3 = f32x4.add(t3, b3);
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = f32x4.splat(0);
          }
        }
      }
      const to = out + at;
      storeSums(to, f32x4.add(s0, a0), f32x4.add(t0, b0), outChannels, second);
      storeSums(to + x1 / 4 * outBytes, f32x4.add(s1, a1), f32x4.add(t1, b1), outChannels, second);
      storeSums(to + x2 / 4 * outBytes, f32x4.add(s2, a2), f32x4.add(t2, b2), outChannels, second);
      storeSums(to + x3 / 4 * outBytes, f32x4.add(s3, a3), f32x4.add(t3, b3), outChannels, second);
    }
  }
}

@inline
function storeSums(to: usize, low: v128, high: v128, count: i32, second: usize): void {
  store4(to, low, count);
  if (count > 4) v128.store(to + second, high);
}

/** Four values of x for output channels from `channel` on of a depthwise convolution; less where there are fewer. */
@inline
function loadInputs(x: usize, channel: i32, multiplier: i32, count: i32): v128 {
  if (multiplier == 1) return load4(x + (<usize>channel << 2), count);
  let four = v128.load32_zero(x + (<usize>(channel / multiplier) << 2));
  if (count > 1) four = v128.load32_lane(x + (<usize>((channel + 1) / multiplier) << 2), four, 1);
  if (count > 2) four = v128.load32_lane(x + (<usize>((channel + 2) / multiplier) << 2), four, 2);
  if (count > 3) four = v128.load32_lane(x + (<usize>((channel + 3) / multiplier) << 2), four, 3);
  return four;
}

/** Of a depthwise convolution: see `GradientTask`. Items: four output channels of a tap. */
export function depthwiseFilterGradient(task: usize, begin: i32, end: i32): void {
  const inChannels = load<i32>(task, GradientTask.inChannels << 2), outChannels = load<i32>(task, GradientTask.outChannels << 2);
  const outHeight = load<i32>(task, GradientTask.outHeight << 2), outWidth = load<i32>(task, GradientTask.outWidth << 2);
  const inHeight = load<i32>(task, GradientTask.inHeight << 2), inWidth = load<i32>(task, GradientTask.inWidth << 2);
  const kernelWidth = load<i32>(task, GradientTask.kernelWidth << 2);
  const strideHeight = load<i32>(task, GradientTask.strideHeight << 2), strideWidth = load<i32>(task, GradientTask.strideWidth << 2);
  const batch = load<i32>(task, GradientTask.batch << 2), multiplier = outChannels / inChannels;
  const input = <usize>load<i32>(task, GradientTask.input << 2), dy = <usize>load<i32>(task, GradientTask.dy << 2);
  const groups = (outChannels + 3) / 4;
  const inBytes = <usize>inChannels << 2, outBytes = <usize>outChannels << 2;
  const step = <usize>strideWidth * inBytes;
  for (let item = begin; item < end; item++) {
    const tap = item / groups, channel = item % groups * 4, count = outChannels - channel;
    const reachY = load<i32>(task, GradientTask.padTop << 2) - tap / kernelWidth * load<i32>(task, GradientTask.dilationHeight << 2);
    const reachX = load<i32>(task, GradientTask.padLeft << 2) - tap % kernelWidth * load<i32>(task, GradientTask.dilationWidth << 2);
    const top = firstInside(reachY, strideHeight), bottom = endInside(reachY, inHeight, strideHeight, outHeight);
    const left = firstInside(reachX, strideWidth), right = endInside(reachX, inWidth, strideWidth, outWidth);
    let sum = f32x4.splat(0);
    if (left < right) {
      let a = sum, terms = 0;
      for (let image = 0; image < batch; image++) {
        for (let y = top; y < bottom; y++) {
          let x = input + <usize>((image * inHeight + y * strideHeight - reachY) * inWidth + left * strideWidth - reachX) * inBytes;
          let d = dy + (<usize>(((image * outHeight + y) * outWidth + left) * outChannels + channel) << 2);
          for (const last = d + <usize>(right - left) * outBytes; d < last; d += outBytes, x += step) {
            a = fma(loadInputs(x, channel, multiplier, count), load4(d, count), a);
          }
          terms += right - left;
          if (terms >= MOST_TERMS) {
            terms = 0;
            sum = f32x4.add(sum, a);
            a = f32x4.splat(0);
          }
        }
      }
      sum = f32x4.add(sum, a);
    }
    store4(<usize>load<i32>(task, GradientTask.output << 2) + (<usize>(tap * outChannels + channel) << 2), sum, count);
  }
}

/** Of a depthwise convolution's input; `input` is its filter. Items: input rows. */
export function depthwiseInputGradient(task: usize, begin: i32, end: i32): void {
  const inChannels = load<i32>(task, GradientTask.inChannels << 2), outChannels = load<i32>(task, GradientTask.outChannels << 2);
  const outHeight = load<i32>(task, GradientTask.outHeight << 2), outWidth = load<i32>(task, GradientTask.outWidth << 2);
  const inHeight = load<i32>(task, GradientTask.inHeight << 2), inWidth = load<i32>(task, GradientTask.inWidth << 2);
  const kernelHeight = load<i32>(task, GradientTask.kernelHeight << 2), kernelWidth = load<i32>(task, GradientTask.kernelWidth << 2);
  const strideHeight = load<i32>(task, GradientTask.strideHeight << 2), strideWidth = load<i32>(task, GradientTask.strideWidth << 2);
  const multiplier = outChannels / inChannels;
  const filter = <usize>load<i32>(task, GradientTask.input << 2), dy = <usize>load<i32>(task, GradientTask.dy << 2);
  const inBytes = <usize>inChannels << 2, outBytes = <usize>outChannels << 2;
  for (let item = begin; item < end; item++) {
    const image = item / inHeight, row = item % inHeight;
    const out = <usize>load<i32>(task, GradientTask.output << 2) + <usize>item * <usize>inWidth * inBytes;
    fillFloats(out, 0, inWidth * inChannels);
    for (let ky = 0; ky < kernelHeight; ky++) {
      const reach = row + load<i32>(task, GradientTask.padTop << 2) - ky * load<i32>(task, GradientTask.dilationHeight << 2);
      if (reach < 0 || reach % strideHeight || reach / strideHeight >= outHeight) continue;
      const line = dy + <usize>((image * outHeight + reach / strideHeight) * outWidth) * outBytes;
      for (let kx = 0; kx < kernelWidth; kx++) {
        const reachX = load<i32>(task, GradientTask.padLeft << 2) - kx * load<i32>(task, GradientTask.dilationWidth << 2);
        const right = endInside(reachX, inWidth, strideWidth, outWidth);
        const weights = filter + <usize>(ky * kernelWidth + kx) * outBytes;
        for (let x = firstInside(reachX, strideWidth); x < right; x++) {
          addProducts(out + <usize>(x * strideWidth - reachX) * inBytes, line + <usize>x * outBytes, weights, outChannels, multiplier);
        }
      }
    }
  }
}

/** to[c] += the sum over a channel's outputs of dy * weights. */
@inline
function addProducts(to: usize, dy: usize, weights: usize, outChannels: i32, multiplier: i32): void {
  const end = dy + (<usize>outChannels << 2);
  if (multiplier == 1) {
    for (const vectors = dy + (<usize>(outChannels & ~3) << 2); dy < vectors; to += 16, dy += 16, weights += 16) {
      v128.store(to, fma(v128.load(dy), v128.load(weights), v128.load(to)));
    }
  }
  for (; dy < end; to += 4) {
    let sum = load<f32>(to);
    for (let i = 0; i < multiplier; i++, dy += 4, weights += 4) sum += load<f32>(dy) * load<f32>(weights);
    store<f32>(to, sum);
  }
}
