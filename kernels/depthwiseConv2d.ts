// The driver of depthwise convolutions: walks rows of output pixels. Rows above and below the image are a row of zeros.
// Input rows are copied between borders of zeros, so that no pixel has taps outside. In wide images (`direct`) that would
// cost the microkernels of 3x3 and 5x5 more than it saves: there the few pixels at the left and right edge go tap by tap.
import {
  f32_dwconv_3x3_s1_p2, f32_dwconv_3x3_s1_p4, f32_dwconv_3x3_s2_p2, f32_dwconv_3x3_s2_p4, f32_dwconv_5x5_s1_p2,
  f32_dwconv_5x5_s1_p4, f32_dwconv_5x5_s2_p2, f32_dwconv_5x5_s2_p4,
} from './generated/microkernels';
import {copyFloats, fillFloats} from './copy';
import {clamp, fma, load4, store4} from './simd';
import {applySlopes} from './slopes';
import {Task} from './convTask';

/**
 * Computes the items begin .. end - 1 of a depthwise convolution. An item is an output row of a group of channels; the
 * rows are counted through the batch, the groups outermost.
 *
 * @param task address of the task record (convTask.ts)
 * @param scratch the thread's working memory: a pointer for each row of the filter and, unless `direct`, the padded rows
 */
export function depthwiseConv2d(task: usize, begin: i32, end: i32, scratch: usize): void {
  const rows = load<i32>(task, Task.pixels << 2) / load<i32>(task, Task.outWidth << 2);
  const outChannels = load<i32>(task, Task.outChannels << 2);
  const groupChannels = load<i32>(task, Task.groupChannels << 2);
  while (begin < end) {
    const group = begin / rows, first = begin % rows;
    const last = min(rows, first + end - begin);
    const from = group * groupChannels;
    // Fewer than 4 channels that are left over join the group before: there is no vector for them.
    const left = outChannels - from;
    groupRows(task, first, last, from, left < groupChannels + 4 ? left : groupChannels, scratch);
    begin += last - first;
  }
}

/** Output rows begin .. end - 1 of so many output channels from `from` on. */
function groupRows(task: usize, begin: i32, end: i32, from: i32, channels: i32, scratch: usize): void {
  const zeros = <usize>load<i32>(task, Task.zeros << 2);
  const inChannels = load<i32>(task, Task.inChannels << 2), outChannels = load<i32>(task, Task.outChannels << 2);
  const k = load<i32>(task, Task.kernelHeight << 2), kernelWidth = load<i32>(task, Task.kernelWidth << 2);
  const strideHeight = load<i32>(task, Task.strideHeight << 2), stride = load<i32>(task, Task.strideWidth << 2);
  const dilationHeight = load<i32>(task, Task.dilationHeight << 2);
  const dilationWidth = load<i32>(task, Task.dilationWidth << 2);
  const inHeight = load<i32>(task, Task.inHeight << 2), inWidth = load<i32>(task, Task.inWidth << 2);
  const outHeight = load<i32>(task, Task.outHeight << 2), outWidth = load<i32>(task, Task.outWidth << 2);
  const padTop = load<i32>(task, Task.padTop << 2), padLeft = load<i32>(task, Task.padLeft << 2);
  const low = load<f32>(task, Task.minBits << 2), high = load<f32>(task, Task.maxBits << 2);
  const slopeCount = load<i32>(task, Task.slopeCount << 2);
  const direct = load<i32>(task, Task.direct << 2), tiled = load<i32>(task, Task.kernel << 2);
  const inBytes = <usize>inChannels << 2, outBytes = <usize>outChannels << 2, at = <usize>from << 2;
  const input = <usize>load<i32>(task, Task.input << 2);
  const output = <usize>load<i32>(task, Task.output << 2) + at;
  const taps = <usize>load<i32>(task, Task.taps << 2) + <usize>(from * (k * kernelWidth + 1) << 2);

  // What is read: pixels of the padded rows, or of the input.
  const ring = scratch + (<usize>k << 2);
  const ringRows = (k - 1) * dilationHeight + 1;
  const pixelBytes = direct ? inBytes : max(outBytes, 16);
  const columns = (outWidth - 1) * stride + (kernelWidth - 1) * dilationWidth + 1;
  const lineBytes = <usize>columns * pixelBytes;
  const left = min(<usize>padLeft * pixelBytes, lineBytes);
  const pixels = max(0, min(inWidth, columns - padLeft));
  const right = left + <usize>pixels * pixelBytes;

  // Output columns first .. last - 1 have all of their taps between the left and the right edge of what is read.
  const first = direct ? min(outWidth, (padLeft + stride - 1) / stride) : 0;
  const reach = inWidth + padLeft - k;
  const last = direct ? (reach < 0 ? first : max(first, min(outWidth, reach / stride + 1))) : outWidth;
  let copied = 0;
  for (let row = begin; row < end; row++) {
    const image = row / outHeight;
    const top = row % outHeight * strideHeight - padTop;
    const source = input + <usize>(image * inHeight) * <usize>inWidth * inBytes;
    const out = output + <usize>row * <usize>outWidth * outBytes;
    for (let x = 0; x < outWidth; x++) {
      if (x == first) x = last;
      if (x == outWidth) break;
      edgePixel(source, inHeight, inWidth, channels, top, x * stride - padLeft, k, taps, out + <usize>x * outBytes, low, high);
    }
    if (!direct) {
      // A new image, or rows that the step passed over.
      if (row == begin || row % outHeight == 0 || copied < top) copied = max(0, top);
      for (; copied < min(top + ringRows, inHeight); copied++) {
        const line = ring + <usize>(copied % ringRows) * lineBytes;
        // Fewer than 4 channels leave lanes between pixels.
        fillFloats(line, 0, <i32>((channels < 4 ? lineBytes : left) >> 2));
        copyLine(source + <usize>(copied * inWidth) * inBytes, inBytes, pixels, from, channels, outChannels / inChannels, line + left, pixelBytes);
        fillFloats(line + right, 0, <i32>((lineBytes - right) >> 2));
      }
    }
    for (let ky = 0; ky < k; ky++) {
      const y = top + ky * dilationHeight;
      let line = zeros;
      if (y >= 0 && y < inHeight) {
        line = direct ? source + <usize>(y * inWidth) * inBytes : ring + <usize>(y % ringRows) * lineBytes;
      }
      store<usize>(scratch + (<usize>ky << 2), line);
    }
    for (let x = first; x < last; ) {
      let tile = min(last - x, 4);
      // A tile that overlaps the one before costs less than two small ones.
      if (last - first >= 4 && (tile == 3 || !tiled)) { x = min(x, last - 4); tile = 4; }
      else if (last - first >= 2 && tile < 4 && tiled) { x = min(x, last - 2); tile = 2; }
      const offset = <usize>(direct ? x * stride - padLeft : x * stride) * pixelBytes;
      const y = out + <usize>x * outBytes;
      if (!tiled || tile == 1) anyTile(scratch, k, kernelWidth, offset, <usize>dilationWidth * pixelBytes, <usize>stride * pixelBytes, taps, y, outBytes, tile, channels, low, high);
      else fixedTile(scratch, k, stride, tile, offset, pixelBytes, taps, y, channels, low, high);
      x += tile;
    }
    if (slopeCount) {
      const slopes = <usize>load<i32>(task, Task.slopes << 2) + (slopeCount == 1 ? 0 : at);
      applySlopes(out, outWidth, channels, outBytes, slopes, slopeCount);
    }
  }
}

/** The microkernels by size, stride and tile. */
@inline
function fixedTile(
  rows: usize, k: i32, stride: i32, tile: i32, offset: usize, pixelBytes: usize, taps: usize, out: usize, channels: i32,
  low: f32, high: f32,
): void {
  const r0 = load<usize>(rows) + offset, r1 = load<usize>(rows, 4) + offset, r2 = load<usize>(rows, 8) + offset;
  if (k == 3) {
    if (stride == 1) {
      if (tile == 4) f32_dwconv_3x3_s1_p4(r0, r1, r2, pixelBytes, taps, out, channels, low, high);
      else f32_dwconv_3x3_s1_p2(r0, r1, r2, pixelBytes, taps, out, channels, low, high);
    } else {
      if (tile == 4) f32_dwconv_3x3_s2_p4(r0, r1, r2, pixelBytes, taps, out, channels, low, high);
      else f32_dwconv_3x3_s2_p2(r0, r1, r2, pixelBytes, taps, out, channels, low, high);
    }
    return;
  }
  const r3 = load<usize>(rows, 12) + offset, r4 = load<usize>(rows, 16) + offset;
  if (stride == 1) {
    if (tile == 4) f32_dwconv_5x5_s1_p4(r0, r1, r2, r3, r4, pixelBytes, taps, out, channels, low, high);
    else f32_dwconv_5x5_s1_p2(r0, r1, r2, r3, r4, pixelBytes, taps, out, channels, low, high);
  } else {
    if (tile == 4) f32_dwconv_5x5_s2_p4(r0, r1, r2, r3, r4, pixelBytes, taps, out, channels, low, high);
    else f32_dwconv_5x5_s2_p2(r0, r1, r2, r3, r4, pixelBytes, taps, out, channels, low, high);
  }
}

/**
 * Any filter for up to 4 neighbouring output pixels, all taps inside what is read; vectors run along channels. Pixels
 * beyond the last repeat it.
 *
 * @param rows a pointer for each of the filter's `kh` rows, to which `offset` is added
 * @param tapBytes distance of two taps
 * @param strideBytes distance of the first taps of two pixels
 */
function anyTile(
  rows: usize, kh: i32, kw: i32, offset: usize, tapBytes: usize, strideBytes: usize, taps: usize, out: usize,
  outBytes: usize, pixels: i32, channels: i32, min: f32, max: f32,
): void {
  const low = f32x4.splat(min), high = f32x4.splat(max);
  const i1: usize = pixels > 1 ? 1 : 0, i2 = pixels > 2 ? 2 : i1, i3 = pixels > 3 ? 3 : i2;
  const s1 = i1 * strideBytes, s2 = i2 * strideBytes, s3 = i3 * strideBytes;
  const rowsEnd = rows + (<usize>kh << 2), rowTaps = <usize>kw << 4;
  for (let left = channels; ; ) {
    let a0 = v128.load(taps), a1 = a0, a2 = a0, a3 = a0;
    taps += 16;
    for (let row = rows; row < rowsEnd; row += 4) {
      let q = load<usize>(row) + offset;
      for (const end = taps + rowTaps; taps < end; taps += 16) {
        const w = v128.load(taps);
        a0 = fma(v128.load(q), w, a0);
        a1 = fma(v128.load(q + s1), w, a1);
        a2 = fma(v128.load(q + s2), w, a2);
        a3 = fma(v128.load(q + s3), w, a3);
        q += tapBytes;
      }
    }
    store4(out, clamp(a0, low, high), channels);
    store4(out + i1 * outBytes, clamp(a1, low, high), channels);
    store4(out + i2 * outBytes, clamp(a2, low, high), channels);
    store4(out + i3 * outBytes, clamp(a3, low, high), channels);
    if (left <= 4) break;
    const step = left < 8 ? left - 4 : 4;
    left -= step; offset += <usize>step << 2; out += <usize>step << 2;
  }
}

/**
 * Copies `channels` channels of the pixels of an input row, counted in output channels from `from` on: each input channel
 * serves `multiplier` of them.
 */
function copyLine(
  source: usize, sourceBytes: usize, pixels: i32, from: i32, channels: i32, multiplier: i32, to: usize, pixelBytes: usize,
): void {
  const first = from / multiplier;
  source += <usize>first << 2;
  if (multiplier == 1 && sourceBytes == pixelBytes) {
    memory.copy(to, source, <usize>pixels * pixelBytes);
    return;
  }
  for (; pixels > 0; pixels--, source += sourceBytes, to += pixelBytes) {
    if (multiplier == 1) {
      copyFloats(to, source, channels);
      continue;
    }
    let phase = from - first * multiplier, x = source;
    for (let c: usize = 0; c < <usize>channels << 2; c += 4) {
      store<f32>(to + c, load<f32>(x));
      if (++phase == multiplier) {
        phase = 0;
        x += 4;
      }
    }
  }
}

/**
 * Gathers, for every vector of 4 channels, its bias and its weights. The last vector may overlap the one before;
 * the only one of fewer than 4 channels is filled up with zeros.
 *
 * @param weights [count, channels]
 * @param bias a float for each channel, or 0
 * @param to (count + 1) floats for each channel, their number rounded up to a multiple of 4
 */
export function packTaps(weights: usize, bias: usize, count: i32, channels: i32, to: usize): void {
  const pixelBytes = <usize>channels << 2;
  const last = max(pixelBytes, 16) - 16;
  for (let c: usize = 0; ; c = c + 16 > last ? last : c + 16) {
    v128.store(to, bias ? load4(bias + c, channels) : f32x4.splat(0));
    let w = weights + c;
    to += 16;
    for (let tap = 0; tap < count; tap++) {
      v128.store(to, load4(w, channels));
      w += pixelBytes; to += 16;
    }
    if (c == last) break;
  }
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
