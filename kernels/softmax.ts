// Softmax of rows, by XNNPACK's method and in its order, so that the bits are those of stock.
import {expOfNegative} from './elementwiseOps';
import {load4, store4} from './simd';
import {SoftmaxTask} from './task';

/** exp(x - largest) of each value of a row over their sum: see `SoftmaxTask`. */
export function softmax(task: usize, begin: i32, end: i32): void {
  const floats = load<i32>(task, SoftmaxTask.rowFloats << 2);
  const bytes = <usize>floats << 2;
  const whole = bytes & ~15;
  let x = <usize>load<i32>(task, SoftmaxTask.input << 2) + <usize>begin * bytes;
  let y = <usize>load<i32>(task, SoftmaxTask.output << 2) + <usize>begin * bytes;
  for (let row = begin; row < end; row++) {
    let largest = f32x4.splat(-Infinity);
    let at: usize = 0;
    for (; at < whole; at += 16) largest = f32x4.pmax(largest, v128.load(x + at));
    for (; at < bytes; at += 4) largest = f32x4.pmax(largest, v128.load32_splat(x + at));
    largest = f32x4.pmax(largest, i8x16.shuffle(largest, largest, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    largest = f32x4.pmax(largest, i8x16.shuffle(largest, largest, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    let sums = f32x4.splat(0);
    at = 0;
    for (let rest = floats; rest > 0; rest -= 4) {
      const e = expOfNegative(f32x4.sub(largest, load4(x + at, rest)));
      store4(y + at, e, rest);
      if (rest >= 4) sums = f32x4.add(sums, e);
      at += 16;
    }
    sums = f32x4.add(sums, i8x16.shuffle(sums, sums, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    let sum = f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1);
    for (at = whole; at < bytes; at += 4) sum += load<f32>(y + at);
    const scale = <f32>1 / sum;
    for (const next = y + bytes; y < next; y += 4) store<f32>(y, load<f32>(y) * scale);
    x += bytes;
  }
}
