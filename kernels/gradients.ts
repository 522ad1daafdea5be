// Gradients of convolutions with regard to their filters, and of depthwise ones with regard to their input, too. (A dense
// convolution's input gradient is a transposed convolution: sumTaps.ts.) Each value is summed up by one thread in one order.
import {fillFloats} from './copy';
import {fma, load4, loadLanes, store4} from './simd';
import {GradientTask} from './task';

/** So many products at most are summed up before the sum is added to the result: a float32 loses what is small beside it. */
const SEGMENT: i32 = 64;

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

/**
 * Of a convolution: see `GradientTask`. Items: four input channels of a tap. Pixels are taken in segments, of which what
 * all channels of a thread need stays in the caches.
 */
export function filterGradient(task: usize, begin: i32, end: i32): void {
  const inChannels = load<i32>(task, GradientTask.inChannels << 2), outChannels = load<i32>(task, GradientTask.outChannels << 2);
  const inHeight = load<i32>(task, GradientTask.inHeight << 2), inWidth = load<i32>(task, GradientTask.inWidth << 2);
  const outHeight = load<i32>(task, GradientTask.outHeight << 2), outWidth = load<i32>(task, GradientTask.outWidth << 2);
  const kernelHeight = load<i32>(task, GradientTask.kernelHeight << 2), kernelWidth = load<i32>(task, GradientTask.kernelWidth << 2);
  const strideHeight = load<i32>(task, GradientTask.strideHeight << 2), strideWidth = load<i32>(task, GradientTask.strideWidth << 2);
  const batch = load<i32>(task, GradientTask.batch << 2);
  const input = <usize>load<i32>(task, GradientTask.input << 2), dy = <usize>load<i32>(task, GradientTask.dy << 2);
  const groups = (inChannels + 3) / 4;
  const inBytes = <usize>inChannels << 2, outBytes = <usize>outChannels << 2;
  // Where every pixel is read once, all images are one row.
  const single = kernelHeight * kernelWidth * strideHeight * strideWidth == 1 && inHeight == outHeight && inWidth == outWidth;
  const images = single ? 1 : batch, pixels = batch * inHeight * inWidth;
  while (begin < end) {
    const tap = begin / groups, firstGroup = begin % groups, lastGroup = min(groups, firstGroup + end - begin);
    begin += lastGroup - firstGroup;
    const reachY = load<i32>(task, GradientTask.padTop << 2) - tap / kernelWidth * load<i32>(task, GradientTask.dilationHeight << 2);
    const reachX = load<i32>(task, GradientTask.padLeft << 2) - tap % kernelWidth * load<i32>(task, GradientTask.dilationWidth << 2);
    const top = single ? 0 : firstInside(reachY, strideHeight), bottom = single ? 1 : endInside(reachY, inHeight, strideHeight, outHeight);
    const left = single ? 0 : firstInside(reachX, strideWidth), right = single ? pixels : endInside(reachX, inWidth, strideWidth, outWidth);
    const from = firstGroup * 4, to = min(inChannels, lastGroup * 4);
    const out = <usize>load<i32>(task, GradientTask.output << 2) + <usize>(tap * inChannels) * outBytes;
    fillFloats(out + <usize>from * outBytes, 0, (to - from) * outChannels);
    for (let image = 0; image < images; image++) {
      for (let y = top; y < bottom; y++) {
        const row = input + <usize>((image * inHeight + y * strideHeight - reachY) * inWidth - reachX) * inBytes;
        const line = dy + <usize>((image * outHeight + y) * outWidth) * outBytes;
        for (let pixel = left; pixel < right; pixel += SEGMENT) {
          const count = min(SEGMENT, right - pixel);
          const x = row + <usize>(pixel * strideWidth) * inBytes, d = line + <usize>pixel * outBytes;
          for (let c = 0; c < outChannels; c += 8) {
            for (let i = from; i < to; i += 4) {
              addOuterProducts(
                out + <usize>i * outBytes + (<usize>c << 2), x + (<usize>i << 2), d + (<usize>c << 2), count,
                <usize>strideWidth * inBytes, outBytes, min(4, to - i), outChannels - c,
              );
            }
          }
        }
      }
    }
  }
}

/** to[i][c] += the sum over pixels of x[i] * dy[c], for up to 4 x and up to 8 c. */
function addOuterProducts(to: usize, x: usize, dy: usize, pixels: i32, step: usize, outBytes: usize, rows: i32, columns: i32): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  // With fewer than 4 the last one stands for those that are not there.
  const x1 = <usize>min(1, rows - 1) << 2, x2 = <usize>min(2, rows - 1) << 2, x3 = <usize>(rows - 1) << 2;
  for (const last = dy + <usize>pixels * outBytes; dy < last; dy += outBytes, x += step) {
    const low = load4(dy, columns);
    const high = columns >= 8 ? v128.load(dy, 16) : columns > 4 ? loadLanes(dy + 16, columns - 4) : low;
    let s = v128.load32_splat(x);
    a0 = fma(s, low, a0); b0 = fma(s, high, b0);
    s = v128.load32_splat(x + x1);
    a1 = fma(s, low, a1); b1 = fma(s, high, b1);
    s = v128.load32_splat(x + x2);
    a2 = fma(s, low, a2); b2 = fma(s, high, b2);
    s = v128.load32_splat(x + x3);
    a3 = fma(s, low, a3); b3 = fma(s, high, b3);
  }
  addSums(to, a0, b0, columns);
  if (rows > 1) addSums(to + outBytes, a1, b1, columns);
  if (rows > 2) addSums(to + 2 * outBytes, a2, b2, columns);
  if (rows > 3) addSums(to + 3 * outBytes, a3, b3, columns);
}

function addSums(to: usize, low: v128, high: v128, count: i32): void {
  store4(to, f32x4.add(load4(to, count), low), count);
  if (count > 4) store4(to + 16, f32x4.add(load4(to + 16, count - 4), high), count - 4);
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

/** Of a depthwise convolution: see `GradientTask`. Items: four output channels. */
export function depthwiseFilterGradient(task: usize, begin: i32, end: i32): void {
  const inChannels = load<i32>(task, GradientTask.inChannels << 2), outChannels = load<i32>(task, GradientTask.outChannels << 2);
  const outHeight = load<i32>(task, GradientTask.outHeight << 2), outWidth = load<i32>(task, GradientTask.outWidth << 2);
  const inHeight = load<i32>(task, GradientTask.inHeight << 2), inWidth = load<i32>(task, GradientTask.inWidth << 2);
  const kernelHeight = load<i32>(task, GradientTask.kernelHeight << 2), kernelWidth = load<i32>(task, GradientTask.kernelWidth << 2);
  const strideHeight = load<i32>(task, GradientTask.strideHeight << 2), strideWidth = load<i32>(task, GradientTask.strideWidth << 2);
  const batch = load<i32>(task, GradientTask.batch << 2), multiplier = outChannels / inChannels;
  const input = <usize>load<i32>(task, GradientTask.input << 2), dy = <usize>load<i32>(task, GradientTask.dy << 2);
  const out = <usize>load<i32>(task, GradientTask.output << 2);
  const inBytes = <usize>inChannels << 2, outBytes = <usize>outChannels << 2;
  const step = <usize>strideWidth * inBytes;
  const from = begin * 4, to = min(outChannels, end * 4);
  for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
    fillFloats(out + <usize>tap * outBytes + (<usize>from << 2), 0, to - from);
  }
  for (let row = 0; row < batch * outHeight; row++) {
    const image = row / outHeight, top = row % outHeight * strideHeight - load<i32>(task, GradientTask.padTop << 2);
    // Four channels of a row and of those it was made of stay in the level-1 cache for all taps.
    for (let channel = from; channel < to; channel += 4) {
      const count = to - channel;
      for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
        const y = top + tap / kernelWidth * load<i32>(task, GradientTask.dilationHeight << 2);
        if (y < 0 || y >= inHeight) continue;
        const reachX = load<i32>(task, GradientTask.padLeft << 2) - tap % kernelWidth * load<i32>(task, GradientTask.dilationWidth << 2);
        let left = firstInside(reachX, strideWidth);
        const right = endInside(reachX, inWidth, strideWidth, outWidth);
        let x = input + <usize>((image * inHeight + y) * inWidth + left * strideWidth - reachX) * inBytes;
        let d = dy + <usize>(row * outWidth + left) * outBytes + (<usize>channel << 2);
        let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
        if (multiplier == 1 && count >= 4) {
          for (let at = x + (<usize>channel << 2); left + 4 <= right; left += 4) {
            a0 = fma(v128.load(at), v128.load(d), a0);
            at += step; d += outBytes;
            a1 = fma(v128.load(at), v128.load(d), a1);
            at += step; d += outBytes;
            a2 = fma(v128.load(at), v128.load(d), a2);
            at += step; d += outBytes;
            a3 = fma(v128.load(at), v128.load(d), a3);
            at += step; d += outBytes;
            x += 4 * step;
          }
        }
        for (; left < right; left++, d += outBytes, x += step) {
          a0 = fma(loadInputs(x, channel, multiplier, count), load4(d, count), a0);
        }
        const sum = out + <usize>tap * outBytes + (<usize>channel << 2);
        addSums(sum, f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3)), a0, min(4, count));
      }
    }
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
