// From weights as tfjs has them to what the kernels of convolutions walk. src/packed does the same in TypeScript.
import {CHANNEL_GROUP, COUNT_WORDS, PackTask} from './task';

const NEGATIVE_ZERO: i32 = 0x80000000;

/** Counts the blocks that hold a nonzero, for every N: see `PackTask`. */
export function countBlocks(task: usize, begin: i32, end: i32): void {
  const k = load<i32>(task, PackTask.k << 2), channels = load<i32>(task, PackTask.channels << 2);
  const kBytes = load<i32>(task, PackTask.kBytes << 2), channelBytes = load<i32>(task, PackTask.channelBytes << 2);
  for (; begin < end; begin++) {
    const first = begin * CHANNEL_GROUP, count = min(CHANNEL_GROUP, channels - first);
    let from = <usize>(load<i32>(task, PackTask.weights << 2) + first * channelBytes);
    let n1 = 0, n2 = 0, n4 = 0, n8 = 0, n16 = 0, n32 = 0, negativeZeros = 0;
    for (let c = 0; c < k; c++) {
      let bits = channelBits(from, channelBytes, count, false);
      negativeZeros += popcnt(channelBits(from, channelBytes, count, true));
      from += kBytes;
      n1 += popcnt(bits);
      bits |= bits >>> 1; n2 += popcnt(bits & 0x55555555); // a block of 2N is a pair of blocks of N
      bits |= bits >>> 2; n4 += popcnt(bits & 0x11111111);
      bits |= bits >>> 4; n8 += popcnt(bits & 0x01010101);
      bits |= bits >>> 8; n16 += popcnt(bits & 0x00010001);
      n32 += (bits | bits >>> 16) & 1;
    }
    const to = <usize>(load<i32>(task, PackTask.output << 2) + begin * COUNT_WORDS * 4);
    store<i32>(to, n1); store<i32>(to, n2, 4); store<i32>(to, n4, 8); store<i32>(to, n8, 12);
    store<i32>(to, n16, 16); store<i32>(to, n32, 20); store<i32>(to, negativeZeros, 24);
  }
}

/**
 * Packs the blocks that hold a nonzero, or all of them: see `PackTask`.
 *
 * @param scratch the thread's working memory: k words
 */
export function packBlocks(task: usize, begin: i32, end: i32, scratch: usize): void {
  const k = load<i32>(task, PackTask.k << 2), channels = load<i32>(task, PackTask.channels << 2);
  const kBytes = load<i32>(task, PackTask.kBytes << 2), channelBytes = load<i32>(task, PackTask.channelBytes << 2);
  const n = load<i32>(task, PackTask.n << 2), mask = -1 >>> (32 - n);
  const values = <usize>load<i32>(task, PackTask.output << 2), columns = <usize>load<i32>(task, PackTask.columns << 2);
  const rowStart = <usize>load<i32>(task, PackTask.rowStart << 2);
  const negativeZeros = <usize>load<i32>(task, PackTask.negativeZeros << 2);
  for (; begin < end; begin++) {
    const group = begin * CHANNEL_GROUP, last = min(group + CHANNEL_GROUP, channels);
    const weights = <usize>(load<i32>(task, PackTask.weights << 2) + group * channelBytes);
    for (let c = 0; c < k; c++) {
      const from = weights + c * kBytes;
      if (columns) store<i32>(scratch + (c << 2), channelBits(from, channelBytes, last - group, false));
      if (negativeZeros) {
        store<i32>(negativeZeros + ((begin * k + c) << 2), channelBits(from, channelBytes, last - group, true));
      }
    }
    let block = columns ? load<i32>(rowStart + (group / n << 2)) : group / n * k;
    for (let first = group; first < last; first += n) {
      if (columns) store<i32>(rowStart + (first / n << 2), block);
      const filters = min(n, last - first);
      let from = weights + (first - group) * channelBytes;
      for (let c = 0; c < k; c++, from += kBytes) {
        if (columns) {
          if (!(load<i32>(scratch + (c << 2)) >>> (first - group) & mask)) continue;
          store<i16>(columns + (block << 1), <i16>c);
        }
        const to = values + (block * n << 2);
        let i = 0;
        if (channelBytes == 4) {
          for (; i + 4 <= filters; i += 4) v128.store(to + (i << 2), v128.load(from + (i << 2)));
        }
        for (; i < filters; i++) store<i32>(to + (i << 2), load<i32>(from + i * channelBytes));
        for (; i < n; i++) store<i32>(to + (i << 2), 0);
        block++;
      }
    }
  }
}

/** One bit for each of up to 32 weights: whether it is -0, or whether it is another number than 0 and -0. */
function channelBits(from: usize, step: i32, count: i32, negativeZero: bool): i32 {
  let bits = 0, i = 0;
  if (step == 4) {
    for (; i + 4 <= count; i += 4) {
      const x = v128.load(from + (i << 2));
      const is = negativeZero ? i32x4.eq(x, i32x4.splat(NEGATIVE_ZERO)) : f32x4.ne(x, f32x4.splat(0));
      bits |= i32x4.bitmask(is) << i;
    }
  }
  for (; i < count; i++) {
    const x = load<i32>(from + i * step);
    bits |= <i32>(negativeZero ? x == NEGATIVE_ZERO : x << 1 != 0) << i;
  }
  return bits;
}
