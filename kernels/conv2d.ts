// The driver: walks macro tiles of output pixels, finds their input, runs the microkernel over all block rows and finishes
// with the activations that a clamp cannot express.
import {
  f32_gemm_1x4_p8, f32_gemm_1x8_p1, f32_gemm_1x8_p4, f32_gemm_1x8_p6, f32_spmm_1x1_p1, f32_spmm_1x1_p16, f32_spmm_1x1_p32, f32_spmm_1x2_p1,
  f32_spmm_1x2_p16, f32_spmm_1x4_p1, f32_spmm_1x4_p8, f32_spmm_1x8_p1, f32_spmm_1x8_p4, f32_spmm_1x8_p6, pack_panel_p16,
  pack_panel_p32, pack_panel_p8,
} from './generated/microkernels';
import {copyFloats} from './copy';
import {layOutPixels} from './inputPixels';
import {applySlopes} from './slopes';
import {Kernel, SLICE_COLUMNS, Task} from './convTask';
import {unpackPlanes} from './transpose';

/** Output channels that a panel kernel computes before they are transposed: 64 bytes, a cache line of a pixel. */
const GROUP: i32 = 16;
/** The same of N = 1 where K is long: so many rows share a slice that has come to the level-1 cache. */
const SLICED_GROUP: i32 = 64;

/**
 * Computes the items begin .. end - 1 of a convolution or MatMul. An item is a group of output channels of a macro tile of
 * output pixels.
 *
 * @param task address of the task record (task.ts)
 * @param scratch the thread's working memory: what stands in the record about a macro tile's input, and planes
 */
export function conv2d(task: usize, begin: i32, end: i32, scratch: usize): void {
  const kernel = load<i32>(task, Task.kernel << 2);
  const macroTile = load<i32>(task, Task.macroTile << 2);
  const outChannels = load<i32>(task, Task.outChannels << 2);
  const groupChannels = load<i32>(task, Task.groupChannels << 2);
  const slopeCount = load<i32>(task, Task.slopeCount << 2);
  const groups = (outChannels + groupChannels - 1) / groupChannels;
  const allPixels = load<i32>(task, Task.pixels << 2);
  const tiles = (allPixels + macroTile - 1) / macroTile;
  const channelsOutermost = load<i32>(task, Task.channelsOutermost << 2);
  const sparse = kernel > Kernel.f32_gemm_1x4_p8, inPanels = kernel > Kernel.f32_spmm_1x1_p1;
  const tile = load<i32>(task, Task.tile << 2);
  const outBytes = <usize>outChannels << 2;
  const patches = scratch + <usize>load<i32>(task, Task.patchesAt << 2);
  const panels = scratch + <usize>load<i32>(task, Task.panelsAt << 2);
  let laidOut = -1;
  for (let item = begin; item < end; item++) {
    const first = (channelsOutermost ? item % tiles : item / groups) * macroTile;
    const from = (channelsOutermost ? item / tiles : item % groups) * groupChannels;
    const to = min(from + groupChannels, outChannels);
    const pixels = min(macroTile, allPixels - first);
    const out = <usize>load<i32>(task, Task.output << 2) + <usize>first * outBytes;
    const rest = max(0, min(pixels, first + pixels + load<i32>(task, Task.lastPixels << 2) - allPixels));
    const whole = pixels - rest;
    // In a strip they may share a tile with others: then it is computed before them, and theirs of it are overwritten.
    const tiled = whole % tile ? pixels : whole;
    if (first != laidOut) {
      laidOut = first;
      layOutPixels(task, first, pixels, sparse ? rest : 0, scratch, patches);
      if (inPanels) packPanels(task, scratch, whole, panels);
    }
    const last = scratch + (<usize>whole << 2), lastOut = out + <usize>whole * outBytes;
    if (inPanels) {
      panelRows(task, tile, whole, from, to, panels, out);
      singlePixels(task, last, rest, from, to, lastOut);
    } else if (kernel > Kernel.f32_spmm_1x8_p6) {
      singlePixels(task, scratch, pixels, from, to, out);
    } else if (sparse) {
      sparseRows(task, kernel, scratch, tiled, from, to, out);
      sparseRows(task, Kernel.f32_spmm_1x8_p1, last, rest, from, to, lastOut);
    } else {
      const narrow = to == outChannels && (outChannels & 7) - 1 < 4 && tile > 1 ? outChannels & 7 : 0;
      denseRows(task, kernel, scratch, tiled, from, to - narrow, out);
      denseRows(task, Kernel.f32_gemm_1x8_p1, last, rest, from, to - narrow, lastOut);
      if (narrow) denseRows(task, Kernel.f32_gemm_1x4_p8, scratch, pixels, to - narrow, to, out);
    }
    if (slopeCount) {
      const at = <usize>from << 2;
      const slopes = <usize>load<i32>(task, Task.slopes << 2) + (slopeCount == 1 ? 0 : at);
      applySlopes(out + at, pixels, to - from, outBytes, slopes, slopeCount);
    }
  }
}

function denseRows(task: usize, kernel: i32, pointers: usize, pixels: i32, from: i32, to: i32, out: usize): void {
  if (pixels == 0) return;
  const k = load<i32>(task, Task.k << 2);
  const outChannels = load<i32>(task, Task.outChannels << 2);
  const low = load<f32>(task, Task.minBits << 2), high = load<f32>(task, Task.maxBits << 2);
  const segments = load<i32>(task, Task.segments << 2), bytes = <usize>load<i32>(task, Task.segmentBytes << 2);
  const gap = <usize>load<i32>(task, Task.segmentPitch << 2) - bytes;
  let values = <usize>load<i32>(task, Task.values << 2) + (<usize>from * <usize>k << 2);
  const bias = <usize>load<i32>(task, Task.bias << 2);
  for (let c = from; c < to; c += 8) {
    const at = <usize>c << 2;
    const outBytes = <usize>outChannels << 2;
    const left = outChannels - c;
    if (kernel == Kernel.f32_gemm_1x4_p8) {
      f32_gemm_1x4_p8(pointers, pixels, segments, bytes, gap, values, bias + at, out + at, outBytes, left, low, high);
    } else if (ASC_FEATURE_RELAXED_SIMD && kernel == Kernel.f32_gemm_1x8_p6) {
      f32_gemm_1x8_p6(pointers, pixels, segments, bytes, gap, values, bias + at, out + at, outBytes, left, low, high);
    } else if (!ASC_FEATURE_RELAXED_SIMD && kernel == Kernel.f32_gemm_1x8_p4) {
      f32_gemm_1x8_p4(pointers, pixels, segments, bytes, gap, values, bias + at, out + at, outBytes, left, low, high);
    } else {
      f32_gemm_1x8_p1(pointers, pixels, segments, bytes, gap, values, bias + at, out + at, outBytes, left, low, high);
    }
    values += <usize>k << 5;
  }
}

function sparseRows(
  task: usize, kernel: i32, pointers: usize, pixels: i32, from: i32, to: i32, out: usize,
): void {
  if (pixels == 0) return;
  const n = load<i32>(task, Task.n << 2);
  const outChannels = load<i32>(task, Task.outChannels << 2);
  const low = load<f32>(task, Task.minBits << 2), high = load<f32>(task, Task.maxBits << 2);
  const columns = <usize>load<i32>(task, Task.columns << 2);
  const values = <usize>load<i32>(task, Task.values << 2);
  const bias = <usize>load<i32>(task, Task.bias << 2);
  const valueBytes = <usize>n << 2;
  let rowStart = <usize>load<i32>(task, Task.rowStart << 2) + (<usize>(from / n) << 2);
  for (let c = from; c < to; rowStart += 4) {
    const begin = <usize>load<i32>(rowStart), end = <usize>load<i32>(rowStart, 4);
    for (let part = 0; part < n && c < to; part += 8, c += 8) {
      const at = <usize>c << 2;
      const o = columns + (begin << 1), oEnd = columns + (end << 1);
      const w = values + begin * valueBytes + (<usize>part << 2);
      const outBytes = <usize>outChannels << 2;
      const left = outChannels - c;
      if (ASC_FEATURE_RELAXED_SIMD && kernel == Kernel.f32_spmm_1x8_p6) {
        f32_spmm_1x8_p6(pointers, pixels, o, oEnd, w, valueBytes, bias + at, out + at, outBytes, left, low, high);
      } else if (!ASC_FEATURE_RELAXED_SIMD && kernel == Kernel.f32_spmm_1x8_p4) {
        f32_spmm_1x8_p4(pointers, pixels, o, oEnd, w, valueBytes, bias + at, out + at, outBytes, left, low, high);
      } else {
        f32_spmm_1x8_p1(pointers, pixels, o, oEnd, w, valueBytes, bias + at, out + at, outBytes, left, low, high);
      }
    }
  }
}

/** Transposes the input of pixels into panels [K][tile]. */
function packPanels(task: usize, pointers: usize, pixels: i32, panels: usize): void {
  const tile = load<i32>(task, Task.tile << 2);
  const segments = load<i32>(task, Task.segments << 2), bytes = <usize>load<i32>(task, Task.segmentBytes << 2);
  const gap = <usize>load<i32>(task, Task.segmentPitch << 2) - bytes;
  const columnBytes = <usize>load<i32>(task, Task.k << 2) << 2;
  for (let p = 0; p < pixels; p += tile) {
    const width = panelWidth(task, tile, pixels - p);
    if (width == 8) pack_panel_p8(pointers, segments, bytes, gap, panels);
    else if (width == 16) pack_panel_p16(pointers, segments, bytes, gap, panels);
    else pack_panel_p32(pointers, segments, bytes, gap, panels);
    pointers += <usize>width << 2;
    panels += <usize>width * columnBytes;
  }
}

/** Pixels of the next panel: where N = 1 takes 32, one of 16 may do at the end. */
@inline
function panelWidth(task: usize, tile: i32, left: i32): i32 {
  return left <= 16 && load<i32>(task, Task.halfPanel << 2) ? min(tile, 16) : tile;
}

/**
 * @param pixels those that panels hold
 * @param panels of the macro tile; behind them is room for [tile][GROUP] values, or [16][SLICED_GROUP]
 */
function panelRows(
  task: usize, tile: i32, pixels: i32, from: i32, to: i32, panels: usize, out: usize,
): void {
  const k = load<i32>(task, Task.k << 2);
  const n = load<i32>(task, Task.n << 2);
  const low = load<f32>(task, Task.minBits << 2), high = load<f32>(task, Task.maxBits << 2);
  const columns = <usize>load<i32>(task, Task.columns << 2);
  const values = <usize>load<i32>(task, Task.values << 2);
  const bias = <usize>load<i32>(task, Task.bias << 2);
  const rowStart = <usize>load<i32>(task, Task.rowStart << 2);
  const outBytes = <usize>load<i32>(task, Task.outChannels << 2) << 2;
  const panelBytes = <usize>tile * (<usize>k << 2);
  const room = panels + <usize>((pixels + tile - 1) / tile) * panelBytes;
  const sliceBytes = outBytes + 4;
  const group = n == 1 && tile == 16 ? SLICED_GROUP : GROUP;
  for (let c = from; c < to; c += group) {
    const channels = min(group, to - c);
    const first = c / n, last = first + (channels + n - 1) / n;
    let panel = panels;
    for (let p = 0; p < pixels; p += tile) {
      const width = panelWidth(task, tile, pixels - p), count = min(width, pixels - p);
      const at = out + <usize>p * outBytes + (<usize>c << 2);
      const whole = count == tile && channels % n == 0;
      const to = whole ? at : room, toBytes = whole ? outBytes : GROUP << 2;
      if (n == 4) {
        f32_spmm_1x4_p8(panel, columns, rowStart, first, last, values, bias, to, toBytes, low, high);
      } else if (n == 2) {
        f32_spmm_1x2_p16(panel, columns, rowStart, first, last, values, bias, to, toBytes, low, high);
      } else {
        if (width == 32) {
          f32_spmm_1x1_p32(panel, columns, rowStart, first, last, values, bias, room, 0, low, high);
        } else {
          // Sums of a slice of K wait in the planes for the next one; what the last one leaves is clamped.
          let start = rowStart, end = rowStart + 4 - <usize>((k - 1) / SLICE_COLUMNS) * sliceBytes;
          for (let sums = bias; ; sums = 0) {
            const more = end <= rowStart;
            f32_spmm_1x1_p16(
              panel, columns, start, end, first, last, values, sums, room, 0, more ? -Infinity : low, more ? Infinity : high,
            );
            if (!more) break;
            start = end; end += sliceBytes;
          }
        }
        unpackPlanes(room, width, channels, count, at, outBytes);
      }
      if (n > 1 && !whole) copyPixels(room, GROUP << 2, at, outBytes, count, channels);
      panel += panelBytes;
    }
  }
}

function copyPixels(from: usize, fromBytes: usize, to: usize, toBytes: usize, pixels: i32, channels: i32): void {
  for (let p = 0; p < pixels; p++) {
    copyFloats(to, from, channels);
    from += fromBytes; to += toBytes;
  }
}

/** Pixels one by one where N is less than 8: fully connected layers, and the last pixels, which fill no tile. */
function singlePixels(
  task: usize, pointers: usize, pixels: i32, from: i32, to: i32, out: usize,
): void {
  if (pixels == 0) return;
  const n = load<i32>(task, Task.n << 2);
  const outBytes = <usize>load<i32>(task, Task.outChannels << 2) << 2;
  const low = load<f32>(task, Task.minBits << 2), high = load<f32>(task, Task.maxBits << 2);
  const columns = <usize>load<i32>(task, Task.columns << 2);
  const values = <usize>load<i32>(task, Task.values << 2);
  const bias = <usize>load<i32>(task, Task.bias << 2);
  let rowStart = <usize>load<i32>(task, Task.rowStart << 2) + (<usize>(from / n) << 2);
  for (let c = from; c < to; c += n, rowStart += 4) {
    const begin = <usize>load<i32>(rowStart), at = <usize>c << 2, left = min(n, to - c);
    const o = columns + (begin << 1), oEnd = columns + (<usize>load<i32>(rowStart, 4) << 1);
    const w = values + begin * (<usize>n << 2);
    if (n == 4) f32_spmm_1x4_p1(pointers, pixels, o, oEnd, w, bias + at, out + at, outBytes, left, low, high);
    else if (n == 2) f32_spmm_1x2_p1(pointers, pixels, o, oEnd, w, bias + at, out + at, outBytes, left, low, high);
    else f32_spmm_1x1_p1(pointers, pixels, o, oEnd, w, bias + at, out + at, outBytes, left, low, high);
  }
}
