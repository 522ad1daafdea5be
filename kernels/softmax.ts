import {expOfNegative} from './elementwiseOps';
import {SoftmaxTask} from './task';

/** exp(x) / sum of exp(x) for each row, which is NaN if one of its values is NaN or Infinity: see `SoftmaxTask`. */
export function softmax(task: usize, begin: i32, end: i32): void {
  const floats = load<i32>(task, SoftmaxTask.rowFloats << 2);
  const rowBytes = <usize>floats << 2, whole = <usize>(floats & ~3) << 2;
  let x = <usize>load<i32>(task, SoftmaxTask.input << 2) + <usize>begin * rowBytes;
  let y = <usize>load<i32>(task, SoftmaxTask.output << 2) + <usize>begin * rowBytes;
  // What is left of a row behind whole vectors goes value by value, each in all lanes.
  for (let row = begin; row < end; row++) {
    let most = f32x4.splat(-Infinity);
    for (let i: usize = 0; i < whole; i += 16) most = f32x4.pmax(most, v128.load(x + i));
    for (let i = whole; i < rowBytes; i += 4) most = f32x4.pmax(most, v128.load32_splat(x + i));
    most = f32x4.pmax(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
    most = f32x4.pmax(most, i32x4.shuffle(most, most, 1, 0, 3, 2));

    let sums = f32x4.splat(0);
    for (let i: usize = 0; i < whole; i += 16) {
      const e = expOfNegative(f32x4.sub(most, v128.load(x + i)));
      v128.store(y + i, e);
      sums = f32x4.add(sums, e);
    }
    sums = f32x4.add(sums, i32x4.shuffle(sums, sums, 2, 3, 0, 1));
    sums = f32x4.add(sums, i32x4.shuffle(sums, sums, 1, 0, 3, 2));
    for (let i = whole; i < rowBytes; i += 4) {
      const e = expOfNegative(f32x4.sub(most, v128.load32_splat(x + i)));
      v128.store32_lane(y + i, e, 0);
      sums = f32x4.add(sums, e);
    }

    const scale = f32x4.div(f32x4.splat(1), sums);
    for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.mul(v128.load(y + i), scale));
    for (let i = whole; i < rowBytes; i += 4) v128.store32_lane(y + i, f32x4.mul(v128.load32_splat(y + i), scale), 0);
    x += rowBytes; y += rowBytes;
  }
}
