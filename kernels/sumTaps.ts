import {fillFloats} from './copy';
import {SumTapsTask} from './task';

/**
 * The second half of a transposed convolution: sums up, for every output row, what the input pixels add to it, row by row
 * of the filter and from left to right. See `SumTapsTask`.
 */
export function sumTaps(task: usize, begin: i32, end: i32): void {
  const inHeight = load<i32>(task, SumTapsTask.inHeight << 2), inWidth = load<i32>(task, SumTapsTask.inWidth << 2);
  const kernelHeight = load<i32>(task, SumTapsTask.kernelHeight << 2);
  const outHeight = load<i32>(task, SumTapsTask.outHeight << 2);
  const stride = load<i32>(task, SumTapsTask.strideHeight << 2), padTop = load<i32>(task, SumTapsTask.padTop << 2);
  const run = load<i32>(task, SumTapsTask.run << 2), line = load<i32>(task, SumTapsTask.line << 2);
  const step = load<i32>(task, SumTapsTask.step << 2), left = load<i32>(task, SumTapsTask.left << 2);
  const input = <usize>load<i32>(task, SumTapsTask.input << 2);
  let out = <usize>load<i32>(task, SumTapsTask.output << 2) + (<usize>begin * <usize>line << 2);
  for (let row = begin; row < end; row++, out += <usize>line << 2) {
    const image = row / outHeight, reach = row % outHeight + padTop;
    fillFloats(out, 0, line);
    // The filter's rows that an input row puts here: those that are a multiple of the stride away.
    for (let ky = reach % stride; ky < kernelHeight; ky += stride) {
      const y = (reach - ky) / stride;
      if (y < 0) break;
      if (y >= inHeight) continue;
      const pixelBytes = <usize>kernelHeight * <usize>run << 2;
      let x = input + <usize>((image * inHeight + y) * inWidth) * pixelBytes + (<usize>(ky * run) << 2);
      for (let i = 0, at = -left; i < inWidth; i++, at += step) {
        const first = max(0, -at), last = min(run, line - at);
        if (first < last) addFloats(out + (<usize>(at + first) << 2), x + (<usize>first << 2), last - first);
        x += pixelBytes;
      }
    }
  }
}

@inline
function addFloats(to: usize, from: usize, floats: i32): void {
  const end = from + (<usize>floats << 2), vectors = from + (<usize>(floats & ~3) << 2);
  while (from < vectors) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    from += 16; to += 16;
  }
  while (from < end) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    from += 4; to += 4;
  }
}
