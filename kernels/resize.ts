// Images to another size, in stock's arithmetic: positions in float32, nearest neighbours of half pixels in float64.
import {copyFloats} from './copy';
import {loadLanes, storeLanes} from './simd';
import {ResizeTask} from './task';

/** Each output pixel from four of the input: see `ResizeTask`. */
export function resizeBilinear(task: usize, begin: i32, end: i32): void {
  const inHeight = load<i32>(task, ResizeTask.inHeight << 2), inWidth = load<i32>(task, ResizeTask.inWidth << 2);
  const outHeight = load<i32>(task, ResizeTask.outHeight << 2), outWidth = load<i32>(task, ResizeTask.outWidth << 2);
  const align = load<i32>(task, ResizeTask.alignCorners << 2);
  const half = load<i32>(task, ResizeTask.halfPixelCenters << 2);
  const yScale = scaleOf(inHeight, outHeight, align), xScale = scaleOf(inWidth, outWidth, align);
  const pixelBytes = <usize>load<i32>(task, ResizeTask.channels << 2) << 2;
  const lineBytes = <usize>inWidth * pixelBytes;
  const tail = <i32>(pixelBytes >> 2) & 3;
  let to = <usize>load<i32>(task, ResizeTask.output << 2) + <usize>(begin * outWidth) * pixelBytes;
  for (let item = begin; item < end; item++) {
    const y = position(item % outHeight, yScale, half, inHeight);
    const row = <i32>y;
    const down = f32x4.splat(y - <f32>row);
    const top = <usize>load<i32>(task, ResizeTask.input << 2) + <usize>(item / outHeight * inHeight + row) * lineBytes;
    const below = row + 1 < inHeight ? lineBytes : 0;
    for (let column = 0; column < outWidth; column++) {
      const x = position(column, xScale, half, inWidth);
      const left = <i32>x;
      const aside = f32x4.splat(x - <f32>left);
      const right = left + 1 < inWidth ? pixelBytes : 0;
      let from = top + <usize>left * pixelBytes;
      for (const whole = from + (pixelBytes & ~15); from < whole; from += 16, to += 16) {
        const b = from + below;
        v128.store(to, blend(v128.load(from), v128.load(from + right), v128.load(b), v128.load(b + right), aside, down));
      }
      if (tail) {
        const b = from + below;
        const a0 = loadLanes(from, tail), a1 = loadLanes(from + right, tail);
        storeLanes(to, blend(a0, a1, loadLanes(b, tail), loadLanes(b + right, tail), aside, down), tail);
        to += <usize>tail << 2;
      }
    }
  }
}

@inline
function blend(topLeft: v128, topRight: v128, bottomLeft: v128, bottomRight: v128, aside: v128, down: v128): v128 {
  const top = f32x4.add(topLeft, f32x4.mul(f32x4.sub(topRight, topLeft), aside));
  const bottom = f32x4.add(bottomLeft, f32x4.mul(f32x4.sub(bottomRight, bottomLeft), aside));
  return f32x4.add(top, f32x4.mul(f32x4.sub(bottom, top), down));
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
