// Images to another size, in stock's arithmetic: positions in float32, nearest neighbours of half pixels in float64.
import {copyFloats} from './copy';
import {loadLanes, storeLanes} from './simd';
import {ResizeTask} from './task';

/** Words of working memory for each output column: where its left pixel lies in a row, how far the right one is, its share. */
const COLUMN_BYTES: usize = 12;

/**
 * Each output pixel from four of the input: see `ResizeTask`. Input rows are stretched to the output's width in working
 * memory, where the next output row may find them, then blended.
 */
export function resizeBilinear(task: usize, begin: i32, end: i32, scratch: usize): void {
  const inHeight = load<i32>(task, ResizeTask.inHeight << 2), inWidth = load<i32>(task, ResizeTask.inWidth << 2);
  const outHeight = load<i32>(task, ResizeTask.outHeight << 2), outWidth = load<i32>(task, ResizeTask.outWidth << 2);
  const align = load<i32>(task, ResizeTask.alignCorners << 2);
  const half = load<i32>(task, ResizeTask.halfPixelCenters << 2);
  const yScale = scaleOf(inHeight, outHeight, align), xScale = scaleOf(inWidth, outWidth, align);
  const channels = load<i32>(task, ResizeTask.channels << 2);
  const pixelBytes = <usize>channels << 2;
  const lineBytes = <usize>outWidth * pixelBytes;
  const input = <usize>load<i32>(task, ResizeTask.input << 2);
  let top = scratch, bottom = top + lineBytes;
  const columns = bottom + lineBytes, columnsEnd = columns + <usize>outWidth * COLUMN_BYTES;
  for (let column = 0, at = columns; at < columnsEnd; column++, at += COLUMN_BYTES) {
    const x = position(column, xScale, half, inWidth);
    const left = <i32>x;
    store<usize>(at, <usize>left * pixelBytes);
    store<usize>(at, left + 1 < inWidth ? pixelBytes : 0, 4);
    store<f32>(at, x - <f32>left, 8);
  }
  let topRow = -1, bottomRow = -1;
  let to = <usize>load<i32>(task, ResizeTask.output << 2) + <usize>begin * lineBytes;
  for (let item = begin; item < end; item++) {
    const y = position(item % outHeight, yScale, half, inHeight);
    const row = <i32>y;
    const down = f32x4.splat(y - <f32>row);
    const first = item / outHeight * inHeight;
    const upper = first + row, lower = first + min(row + 1, inHeight - 1);
    if (upper != topRow) {
      const other = top;
      top = bottom; bottom = other;
      topRow = bottomRow; bottomRow = -1;
      if (upper != topRow) stretch(top, input + <usize>(upper * inWidth) * pixelBytes, columns, columnsEnd, channels);
      topRow = upper;
    }
    if (lower != bottomRow) stretch(bottom, input + <usize>(lower * inWidth) * pixelBytes, columns, columnsEnd, channels);
    bottomRow = lower;
    let above = top, below = bottom;
    for (const whole = to + (lineBytes & ~15); to < whole; to += 16) {
      v128.store(to, blend(v128.load(above), v128.load(below), down));
      above += 16; below += 16;
    }
    const tail = <i32>(lineBytes >> 2) & 3;
    if (tail) {
      storeLanes(to, blend(loadLanes(above, tail), loadLanes(below, tail), down), tail);
      to += <usize>tail << 2;
    }
  }
}

/** A row of the input at the output's width. */
function stretch(to: usize, line: usize, columns: usize, columnsEnd: usize, channels: i32): void {
  const wholeBytes = <usize>(channels & ~3) << 2;
  const tail = channels & 3;
  for (; columns < columnsEnd; columns += COLUMN_BYTES) {
    let from = line + load<usize>(columns);
    const right = load<usize>(columns, 4);
    const aside = v128.load32_splat(columns, 8);
    for (const whole = from + wholeBytes; from < whole; from += 16, to += 16) {
      v128.store(to, blend(v128.load(from), v128.load(from + right), aside));
    }
    if (tail) {
      storeLanes(to, blend(loadLanes(from, tail), loadLanes(from + right, tail), aside), tail);
      to += <usize>tail << 2;
    }
  }
}

@inline
function blend(a: v128, b: v128, share: v128): v128 {
  return f32x4.add(a, f32x4.mul(f32x4.sub(b, a), share));
}

/** Where a bilinear output line lies among the input's. */
@inline
function position(line: i32, scale: f32, half: i32, lines: i32): f32 {
  if (!half) return <f32>line * scale;
  return min(max(<f32>line * scale + (0.5 * scale - 0.5), <f32>0), <f32>(lines - 1));
}

/** Each output pixel from the nearest one of the input: see `ResizeTask`. */
export function resizeNearest(task: usize, begin: i32, end: i32): void {
  const inHeight = load<i32>(task, ResizeTask.inHeight << 2), inWidth = load<i32>(task, ResizeTask.inWidth << 2);
  const outHeight = load<i32>(task, ResizeTask.outHeight << 2), outWidth = load<i32>(task, ResizeTask.outWidth << 2);
  const align = load<i32>(task, ResizeTask.alignCorners << 2);
  const half = load<i32>(task, ResizeTask.halfPixelCenters << 2);
  const yScale = scaleOf(inHeight, outHeight, align), xScale = scaleOf(inWidth, outWidth, align);
  const channels = load<i32>(task, ResizeTask.channels << 2);
  const pixelBytes = <usize>channels << 2;
  let to = <usize>load<i32>(task, ResizeTask.output << 2) + <usize>(begin * outWidth) * pixelBytes;
  for (let item = begin; item < end; item++) {
    const row = item / outHeight * inHeight + nearest(item % outHeight, yScale, align, half, inHeight);
    const line = <usize>load<i32>(task, ResizeTask.input << 2) + <usize>(row * inWidth) * pixelBytes;
    for (let column = 0; column < outWidth; column++, to += pixelBytes) {
      copyFloats(to, line + <usize>nearest(column, xScale, align, half, inWidth) * pixelBytes, channels);
    }
  }
}

@inline
function nearest(line: i32, scale: f32, align: i32, half: i32, lines: i32): i32 {
  const at = half ? <f32>(<f64>scale * (<f64>line + 0.5)) : scale * <f32>line;
  // Halves go up. floor(at + 0.5) would round 0.49999997 up too.
  const below = <i32>at;
  return min(below + <i32>(align && at - <f32>below >= 0.5), lines - 1);
}

/** Input lines an output line. */
@inline
function scaleOf(inLines: i32, outLines: i32, align: i32): f32 {
  const corner = <i32>(align && outLines > 1);
  return <f32>(inLines - corner) / <f32>(outLines - corner);
}
