// The driver of 3x3 convolutions by Winograd's minimal filtering F(2x2, 3x3) (Lavin & Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2016): 2x2 output pixels take 16 multiplications a pair of channels, not 36. Patches
// of 4x4 input pixels are transformed (B'dB), filters were when they were packed (src/packed/winograd.ts). Then the 16
// values of all patches are multiplied as 16 dense matrices, and the products are transformed back (A'mA).
import {f32_gemm_1x8_p4, f32_gemm_1x8_p6} from './generated/microkernels';
import {layOutPixels, pixelsInARow} from './inputPixels';
import {clamp, storeLanes} from './simd';
import {applySlopes} from './slopes';
import {Kernel, SPARE_POINTERS, Task, WINOGRAD_CHANNELS} from './convTask';

/** Distance of two tiles' products. */
const OUT_BYTES: usize = WINOGRAD_CHANNELS * 4;

/**
 * Computes the items begin .. end - 1: groups of output channels of macro tiles, as in conv2d.ts, with tiles of 2x2
 * output pixels in the place of pixels. The record describes the input's patches, a 4x4 convolution of stride 2.
 *
 * @param scratch the thread's working memory: that of conv2d.ts, and planes where its panels are
 */
export function winograd(task: usize, begin: i32, end: i32, scratch: usize): void {
  const k = load<i32>(task, Task.k << 2);
  const macroTile = load<i32>(task, Task.macroTile << 2);
  const outChannels = load<i32>(task, Task.outChannels << 2);
  const groupChannels = load<i32>(task, Task.groupChannels << 2);
  const groups = (outChannels + groupChannels - 1) / groupChannels;
  const allTiles = load<i32>(task, Task.pixels << 2);
  const macroTiles = (allTiles + macroTile - 1) / macroTile;
  const channelsOutermost = load<i32>(task, Task.channelsOutermost << 2);
  const zeros = scratch + <usize>load<i32>(task, Task.panelsAt << 2);
  const inputs = zeros + 64;
  const inputStep = planeBytes(macroTile * k);
  const products = inputs + 16 * inputStep;
  const productStep = planeBytes(macroTile * WINOGRAD_CHANNELS);
  memory.fill(zeros, 0, 32); // what 15 of the 16 products begin with
  let laidOut = -1;
  for (let item = begin; item < end; item++) {
    const first = (channelsOutermost ? item % macroTiles : item / groups) * macroTile;
    const from = (channelsOutermost ? item / macroTiles : item % groups) * groupChannels;
    const to = min(from + groupChannels, outChannels);
    const tiles = min(macroTile, allTiles - first);
    if (first != laidOut) {
      laidOut = first;
      transformInputs(task, first, tiles, scratch, inputs, inputStep);
    }
    for (let c = from; c < to; c += WINOGRAD_CHANNELS) {
      const channels = min(WINOGRAD_CHANNELS, to - c);
      multiply(task, tiles, c, channels, scratch, zeros, inputs, inputStep, products, productStep);
      transformProducts(task, first, tiles, c, channels, products, productStep);
    }
  }
}

/** Distance of two of the 16 planes: an odd number of cache lines, or all would compete for one set of the cache. */
@inline
function planeBytes(floats: i32): usize {
  return (<usize>floats * 4 + 63 & ~63) | 64;
}

/** Transforms the patches of tiles into planes [tile][input channel]. The last vector may overlap the one before. */
function transformInputs(task: usize, first: i32, tiles: i32, scratch: usize, to: usize, step: usize): void {
  layOutPixels(task, first, tiles, 0, scratch, scratch + <usize>load<i32>(task, Task.patchesAt << 2));
  const pixel = <usize>load<i32>(task, Task.k << 2) << 2;
  const pitch = <usize>load<i32>(task, Task.segmentPitch << 2);
  const rowBytes = pitch ? pitch : pixel << 2;
  const p2 = pixel << 1, p3 = p2 + pixel, row1 = step << 2, last = pixel - 16;
  for (let tile = 0; tile < tiles; tile++) {
    const r0 = <usize>load<i32>(scratch + (<usize>tile << 2));
    const r1 = r0 + rowBytes, r2 = r1 + rowBytes, r3 = r2 + rowBytes;
    for (let c: usize = 0; ; c = min(c + 16, last)) {
      const q0 = r0 + c, q1 = r1 + c, q2 = r2 + c, q3 = r3 + c;
      let v = to + c;
      const b0 = v128.load(q2), b1 = v128.load(q2 + pixel), b2 = v128.load(q2 + p2), b3 = v128.load(q2 + p3);
      storeRow(
        v, step, f32x4.sub(v128.load(q0), b0), f32x4.sub(v128.load(q0 + pixel), b1), f32x4.sub(v128.load(q0 + p2), b2),
        f32x4.sub(v128.load(q0 + p3), b3),
      );
      v += row1;
      const a0 = v128.load(q1), a1 = v128.load(q1 + pixel), a2 = v128.load(q1 + p2), a3 = v128.load(q1 + p3);
      storeRow(v, step, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3));
      v += row1;
      storeRow(v, step, f32x4.sub(b0, a0), f32x4.sub(b1, a1), f32x4.sub(b2, a2), f32x4.sub(b3, a3));
      v += row1;
      storeRow(
        v, step, f32x4.sub(a0, v128.load(q3)), f32x4.sub(a1, v128.load(q3 + pixel)), f32x4.sub(a2, v128.load(q3 + p2)),
        f32x4.sub(a3, v128.load(q3 + p3)),
      );
      if (c == last) break;
    }
    to += pixel;
  }
}

/** Transforms a row of four values and stores it to four planes. */
@inline
function storeRow(to: usize, step: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  v128.store(to, f32x4.sub(x0, x2));
  v128.store(to + step, f32x4.add(x1, x2));
  v128.store(to + (step << 1), f32x4.sub(x2, x1));
  v128.store(to + step * 3, f32x4.sub(x1, x3));
}

/**
 * The 16 products of channels c .. c + channels - 1, as planes [tile][WINOGRAD_CHANNELS]. The sixth goes into all four
 * outputs with a factor of 1: it begins with the bias.
 */
function multiply(
  task: usize, tiles: i32, c: i32, channels: i32, pointers: usize, zeros: usize, rows: usize, step: usize,
  products: usize, productStep: usize,
): void {
  const k = load<i32>(task, Task.k << 2);
  const rowBytes = <usize>k << 2;
  const matrixBytes = <usize>(load<i32>(task, Task.outChannels << 2) + 7 & ~7) * rowBytes;
  let matrix = <usize>load<i32>(task, Task.values << 2) + <usize>c * rowBytes;
  const shift = <usize>load<i32>(task, Task.bias << 2) + (<usize>c << 2);
  for (let i = 0; i < 16; i++) {
    let values = matrix, out = products;
    pixelsInARow(pointers, <i32>rows, <i32>rowBytes, tiles + SPARE_POINTERS, tiles);
    for (let o = 0; o < channels; o += 8) {
      const bias = i == 5 ? shift + (<usize>o << 2) : zeros;
      // Weights are padded: there are always 8 channels to store.
      if (ASC_FEATURE_RELAXED_SIMD) {
        f32_gemm_1x8_p6(pointers, tiles, 1, rowBytes, 0, values, bias, out, OUT_BYTES, 8, -Infinity, Infinity);
      } else {
        f32_gemm_1x8_p4(pointers, tiles, 1, rowBytes, 0, values, bias, out, OUT_BYTES, 8, -Infinity, Infinity);
      }
      values += rowBytes << 3; out += 32;
    }
    matrix += matrixBytes; rows += step; products += productStep;
  }
}

/** Transforms products into output pixels: clamp, slopes. */
function transformProducts(
  task: usize, first: i32, tiles: i32, from: i32, channels: i32, products: usize, step: usize,
): void {
  const height = load<i32>(task, Task.imageHeight << 2), width = load<i32>(task, Task.imageWidth << 2);
  const rows = load<i32>(task, Task.outHeight << 2), columns = load<i32>(task, Task.outWidth << 2);
  const pixel = <usize>load<i32>(task, Task.outChannels << 2) << 2;
  const output = <usize>load<i32>(task, Task.output << 2) + (<usize>from << 2);
  const slopeCount = load<i32>(task, Task.slopeCount << 2);
  const slopes = <usize>load<i32>(task, Task.slopes << 2) + (slopeCount == 1 ? 0 : <usize>from << 2);
  const low = f32x4.splat(load<f32>(task, Task.minBits << 2)), high = f32x4.splat(load<f32>(task, Task.maxBits << 2));
  const row1 = step << 2;
  for (let tile = first; tile < first + tiles; tile++) {
    const x = tile % columns * 2, row = tile / columns;
    const y = row % rows * 2;
    const out = output + <usize>((row / rows * height + y) * width + x) * pixel;
    // A pixel beyond the image shares its neighbour's address, and is stored before it.
    const right = x + 1 < width ? pixel : 0;
    const below = y + 1 < height ? <usize>width * pixel : 0;
    let m = products, o = out;
    for (let left = channels; left > 0; left -= 4) {
      const m1 = m + row1, m2 = m1 + row1, m3 = m2 + row1;
      const l1 = leftSum(m1, step), r1 = rightSum(m1, step);
      const l2 = leftSum(m2, step), r2 = rightSum(m2, step);
      const y11 = clamp(f32x4.sub(f32x4.sub(r1, r2), rightSum(m3, step)), low, high);
      const y10 = clamp(f32x4.sub(f32x4.sub(l1, l2), leftSum(m3, step)), low, high);
      const y01 = clamp(f32x4.add(rightSum(m, step), f32x4.add(r1, r2)), low, high);
      const y00 = clamp(f32x4.add(leftSum(m, step), f32x4.add(l1, l2)), low, high);
      const o1 = o + below;
      if (left >= 4) {
        v128.store(o1 + right, y11); v128.store(o1, y10); v128.store(o + right, y01); v128.store(o, y00);
      } else {
        storeTail(o1 + right, y11, left); storeTail(o1, y10, left);
        storeTail(o + right, y01, left); storeTail(o, y00, left);
      }
      m += 16; o += 16;
    }
    if (slopeCount) {
      applySlopes(out, right ? 2 : 1, channels, pixel, slopes, slopeCount);
      if (below) applySlopes(out + below, right ? 2 : 1, channels, pixel, slopes, slopeCount);
    }
    products += OUT_BYTES;
  }
}

/** Not inlined: four copies would cost more than a call now and then. */
function storeTail(to: usize, x: v128, count: i32): void {
  storeLanes(to, x, count);
}

/** The left output of a row of four products. */
@inline
function leftSum(m: usize, step: usize): v128 {
  return f32x4.add(v128.load(m), f32x4.add(v128.load(m + step), v128.load(m + (step << 1))));
}

/** The right one. */
@inline
function rightSum(m: usize, step: usize): v128 {
  return f32x4.sub(f32x4.sub(v128.load(m + step), v128.load(m + (step << 1))), v128.load(m + step * 3));
}
