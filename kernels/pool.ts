// Pooling. A window's pixels outside the image are left out, of the mean's count too.
import {loadLanes, storeLanes} from './simd';
import {PoolTask} from './task';

/** The maximum of each window: see `PoolTask`. NaN is passed over; a window of nothing else gives -Infinity. */
export function maxPool(task: usize, begin: i32, end: i32): void {
  pool(task, begin, end, false);
}

/** The mean of each window: see `PoolTask`. */
export function avgPool(task: usize, begin: i32, end: i32): void {
  pool(task, begin, end, true);
}

@inline
function pool(task: usize, begin: i32, end: i32, mean: bool): void {
  const input = <usize>load<i32>(task, PoolTask.input << 2);
  const inHeight = load<i32>(task, PoolTask.inHeight << 2), inWidth = load<i32>(task, PoolTask.inWidth << 2);
  const outHeight = load<i32>(task, PoolTask.outHeight << 2), outWidth = load<i32>(task, PoolTask.outWidth << 2);
  const pixelBytes = <usize>load<i32>(task, PoolTask.channels << 2) << 2;
  const lineBytes = <usize>inWidth * pixelBytes;
  const none = f32x4.splat(mean ? 0 : -Infinity);
  let to = <usize>load<i32>(task, PoolTask.output << 2) + <usize>(begin * outWidth) * pixelBytes;
  for (let item = begin; item < end; item++) {
    const y = item % outHeight * load<i32>(task, PoolTask.strideHeight << 2) - load<i32>(task, PoolTask.padTop << 2);
    const top = max(y, 0), bottom = min(y + load<i32>(task, PoolTask.filterHeight << 2), inHeight);
    const line = input + <usize>(item / outHeight * inHeight + top) * lineBytes;
    let x = -load<i32>(task, PoolTask.padLeft << 2);
    for (let column = 0; column < outWidth; column++) {
      const left = max(x, 0), right = min(x + load<i32>(task, PoolTask.filterWidth << 2), inWidth);
      const scale = f32x4.splat(1 / <f32>((bottom - top) * (right - left)));
      const windowBytes = <usize>(right - left) * pixelBytes;
      const stop = line + <usize>(bottom - top) * lineBytes;
      let from = line + <usize>left * pixelBytes;
      let bytes = pixelBytes;
      for (; bytes >= 64; bytes -= 64) {
        let a = none, b = none, c = none, d = none;
        for (let row = from; row < stop; row += lineBytes) {
          for (let p = row; p < row + windowBytes; p += pixelBytes) {
            a = fold(a, v128.load(p), mean);
            b = fold(b, v128.load(p, 16), mean);
            c = fold(c, v128.load(p, 32), mean);
            d = fold(d, v128.load(p, 48), mean);
          }
        }
        v128.store(to, finish(a, scale, mean));
        v128.store(to, finish(b, scale, mean), 16);
        v128.store(to, finish(c, scale, mean), 32);
        v128.store(to, finish(d, scale, mean), 48);
        from += 64; to += 64;
      }
      for (; bytes >= 16; bytes -= 16) {
        let a = none;
        for (let row = from; row < stop; row += lineBytes) {
          for (let p = row; p < row + windowBytes; p += pixelBytes) a = fold(a, v128.load(p), mean);
        }
        v128.store(to, finish(a, scale, mean));
        from += 16; to += 16;
      }
      if (bytes) {
        let a = none;
        const lanes = <i32>(bytes >> 2);
        for (let row = from; row < stop; row += lineBytes) {
          for (let p = row; p < row + windowBytes; p += pixelBytes) a = fold(a, loadLanes(p, lanes), mean);
        }
        storeLanes(to, finish(a, scale, mean), lanes);
        to += bytes;
      }
      x += load<i32>(task, PoolTask.strideWidth << 2);
    }
  }
}

@inline
function fold(a: v128, x: v128, mean: bool): v128 {
  return mean ? f32x4.add(a, x) : f32x4.pmax(a, x);
}

@inline
function finish(a: v128, scale: v128, mean: bool): v128 {
  return mean ? f32x4.mul(a, scale) : a;
}
