// The driver of depthwise convolutions: walks rows of output pixels. Rows above and below the image are a row of zeros.
// Narrow images have their rows copied between borders of zeros, so that every tile runs on the microkernels; in wide ones
// (`direct`) that would cost more than it saves, and the few pixels at the left and right edge go tap by tap.
import {
  f32_dwconv_3x3_s1_p1, f32_dwconv_3x3_s1_p2, f32_dwconv_3x3_s1_p4, f32_dwconv_3x3_s2_p1, f32_dwconv_3x3_s2_p2,
  f32_dwconv_3x3_s2_p4, f32_dwconv_5x5_s1_p1, f32_dwconv_5x5_s1_p2, f32_dwconv_5x5_s1_p4, f32_dwconv_5x5_s2_p1,
  f32_dwconv_5x5_s2_p2, f32_dwconv_5x5_s2_p4,
} from './generated/microkernels';
import {clamp, fma} from './simd';
import {applySlopes} from './slopes';
import {Task} from './convTask';

/**
 * Computes the output rows begin .. end - 1, counted through the batch, of a depthwise convolution: square filter of 3 or
 * 5, stride 1 or 2 either way, no dilation, one output channel for each of at least 4 input channels.
 *
 * @param task address of the task record (task.ts)
 * @param scratch the thread's working memory: k padded rows, nothing where `direct`
 */
export function depthwiseConv2d(task: usize, begin: i32, end: i32, scratch: usize): void {
  const input = <usize>load<i32>(task, Task.input << 2);
  const output = <usize>load<i32>(task, Task.output << 2);
  const zeros = <usize>load<i32>(task, Task.zeros << 2), taps = <usize>load<i32>(task, Task.taps << 2);
  const channels = load<i32>(task, Task.inChannels << 2);
  const k = load<i32>(task, Task.kernelHeight << 2), stride = load<i32>(task, Task.strideHeight << 2);
  const inHeight = load<i32>(task, Task.inHeight << 2), inWidth = load<i32>(task, Task.inWidth << 2);
  const outHeight = load<i32>(task, Task.outHeight << 2), outWidth = load<i32>(task, Task.outWidth << 2);
  const padTop = load<i32>(task, Task.padTop << 2), padLeft = load<i32>(task, Task.padLeft << 2);
  const low = load<f32>(task, Task.minBits << 2), high = load<f32>(task, Task.maxBits << 2);
  const slopeCount = load<i32>(task, Task.slopeCount << 2);
  const pixelBytes = <usize>channels << 2;
  const ring = load<i32>(task, Task.direct << 2) ? 0 : scratch;
  const lineBytes = <usize>((outWidth - 1) * stride + k) * pixelBytes;

  // Output columns first .. last - 1 have all of their taps between the left and the right edge of what is read.
  const first = ring ? 0 : min(outWidth, (padLeft + stride - 1) / stride);
  const reach = inWidth + padLeft - k;
  const last = ring ? outWidth : reach < 0 ? first : max(first, min(outWidth, reach / stride + 1));
  let copied = 0;
  for (let row = begin; row < end; row++) {
    const image = row / outHeight;
    const top = row % outHeight * stride - padTop;
    const source = input + <usize>(image * inHeight) * <usize>inWidth * pixelBytes;
    const out = output + <usize>row * <usize>outWidth * pixelBytes;
    for (let x = 0; x < outWidth; x++) {
      if (x == first) x = last;
      if (x == outWidth) break;
      edgePixel(source, inHeight, inWidth, channels, top, x * stride - padLeft, k, taps, out + <usize>x * pixelBytes, low, high);
    }
    if (ring) {
      // A new image, or rows that the step passed over.
      if (row == begin || row % outHeight == 0 || copied < top) copied = max(0, top);
      for (; copied < min(top + k, inHeight); copied++) {
        padLine(source + <usize>(copied * inWidth) * pixelBytes, inWidth, padLeft, pixelBytes, ring + <usize>(copied % k) * lineBytes, lineBytes);
      }
    }
    const r0 = line(source, zeros, ring, lineBytes, k, top, inHeight, inWidth, pixelBytes);
    const r1 = line(source, zeros, ring, lineBytes, k, top + 1, inHeight, inWidth, pixelBytes);
    const r2 = line(source, zeros, ring, lineBytes, k, top + 2, inHeight, inWidth, pixelBytes);
    const r3 = line(source, zeros, ring, lineBytes, k, top + 3, inHeight, inWidth, pixelBytes);
    const r4 = line(source, zeros, ring, lineBytes, k, top + 4, inHeight, inWidth, pixelBytes);
    for (let x = first; x < last; ) {
      let tile = min(last - x, 4);
      // Three pixels: a tile that overlaps the one before costs less than two and one.
      if (tile == 3 && last - first >= 4) { x = last - 4; tile = 4; }
      else if (tile == 3) tile = 2;
      const at = <usize>(ring ? x * stride : x * stride - padLeft) * pixelBytes;
      const q0 = r0 == zeros ? zeros : r0 + at, q1 = r1 == zeros ? zeros : r1 + at, q2 = r2 == zeros ? zeros : r2 + at;
      const q3 = r3 == zeros ? zeros : r3 + at, q4 = r4 == zeros ? zeros : r4 + at;
      const y = out + <usize>x * pixelBytes;
      if (k == 3) {
        if (stride == 1) {
          if (tile == 4) f32_dwconv_3x3_s1_p4(q0, q1, q2, pixelBytes, taps, y, low, high);
          else if (tile == 2) f32_dwconv_3x3_s1_p2(q0, q1, q2, pixelBytes, taps, y, low, high);
          else f32_dwconv_3x3_s1_p1(q0, q1, q2, pixelBytes, taps, y, low, high);
        } else {
          if (tile == 4) f32_dwconv_3x3_s2_p4(q0, q1, q2, pixelBytes, taps, y, low, high);
          else if (tile == 2) f32_dwconv_3x3_s2_p2(q0, q1, q2, pixelBytes, taps, y, low, high);
          else f32_dwconv_3x3_s2_p1(q0, q1, q2, pixelBytes, taps, y, low, high);
        }
      } else {
        if (stride == 1) {
          if (tile == 4) f32_dwconv_5x5_s1_p4(q0, q1, q2, q3, q4, pixelBytes, taps, y, low, high);
          else if (tile == 2) f32_dwconv_5x5_s1_p2(q0, q1, q2, q3, q4, pixelBytes, taps, y, low, high);
          else f32_dwconv_5x5_s1_p1(q0, q1, q2, q3, q4, pixelBytes, taps, y, low, high);
        } else {
          if (tile == 4) f32_dwconv_5x5_s2_p4(q0, q1, q2, q3, q4, pixelBytes, taps, y, low, high);
          else if (tile == 2) f32_dwconv_5x5_s2_p2(q0, q1, q2, q3, q4, pixelBytes, taps, y, low, high);
          else f32_dwconv_5x5_s2_p1(q0, q1, q2, q3, q4, pixelBytes, taps, y, low, high);
        }
      }
      x += tile;
    }
    if (slopeCount) {
      applySlopes(out, outWidth, channels, pixelBytes, <usize>load<i32>(task, Task.slopes << 2), slopeCount);
    }
  }
}

/** Copies an input row between borders of zeros; as much of it as `lineBytes` has room for. */
function padLine(source: usize, inWidth: i32, padLeft: i32, pixelBytes: usize, to: usize, lineBytes: usize): void {
  const left = min(<usize>padLeft * pixelBytes, lineBytes);
  const body = min(<usize>inWidth * pixelBytes, lineBytes - left);
  memory.fill(to, 0, left);
  memory.copy(to + left, source, body);
  memory.fill(to + left + body, 0, lineBytes - left - body);
}

/**
 * Gathers, for every vector of 4 channels, its bias and its weights. The last vector may overlap the one before.
 *
 * @param weights [count, channels]
 * @param bias a float for each channel, or 0
 * @param to (count + 1) floats for each channel, their number rounded up to a multiple of 4
 */
export function packTaps(weights: usize, bias: usize, count: i32, channels: i32, to: usize): void {
  const pixelBytes = <usize>channels << 2;
  const last = pixelBytes - 16;
  for (let c: usize = 0; ; c = c + 16 > last ? last : c + 16) {
    v128.store(to, bias ? v128.load(bias + c) : f32x4.splat(0));
    let w = weights + c;
    to += 16;
    for (let tap = 0; tap < count; tap++) {
      v128.store(to, v128.load(w));
      w += pixelBytes; to += 16;
    }
    if (c == last) break;
  }
}

/** The first pixel of an input row: in the ring of padded rows or the input itself; the row of zeros where there is none. */
@inline
function line(
  source: usize, zeros: usize, ring: usize, lineBytes: usize, k: i32, row: i32, inHeight: i32, inWidth: i32, pixelBytes: usize,
): usize {
  if (row < 0 || row >= inHeight) return zeros;
  return ring ? ring + <usize>(row % k) * lineBytes : source + <usize>(row * inWidth) * pixelBytes;
}

/** One output pixel of whose taps some lie outside the image: those are left out. */
function edgePixel(
  source: usize, inHeight: i32, inWidth: i32, channels: i32, top: i32, left: i32, k: i32, taps: usize,
  out: usize, min: f32, max: f32,
): void {
  const low = f32x4.splat(min), high = f32x4.splat(max);
  const pixelBytes = <usize>channels << 2;
  const y0 = top < 0 ? -top : 0, y1 = top + k > inHeight ? inHeight - top : k;
  const x0 = left < 0 ? -left : 0, x1 = left + k > inWidth ? inWidth - left : k;
  const last = pixelBytes - 16;
  for (let c: usize = 0; ; c = c + 16 > last ? last : c + 16) {
    let a = v128.load(taps);
    for (let ky = y0; ky < y1; ky++) {
      let q = source + <usize>((top + ky) * inWidth + left + x0) * pixelBytes + c;
      let w = taps + (<usize>(ky * k + x0 + 1) << 4);
      for (let kx = x0; kx < x1; kx++) {
        a = fma(v128.load(q), v128.load(w), a);
        q += pixelBytes; w += 16;
      }
    }
    v128.store(out + c, clamp(a, low, high));
    taps += <usize>(k * k + 1) << 4;
    if (c == last) break;
  }
}
