// From weights as tfjs has them to what the kernels of convolutions walk. src/packed does the same in TypeScript.
import {SLICE_COLUMNS} from './convTask';
import {CHANNEL_GROUP, COUNT_WORDS, PackTask} from './task';

const NEGATIVE_ZERO: i32 = 0x80000000;

/** Counts the blocks that hold a nonzero, for every N: see `PackTask`. In the order in which the weights lie. */
export function countBlocks(task: usize, begin: i32, end: i32): void {
  const k = load<i32>(task, PackTask.k << 2), channels = load<i32>(task, PackTask.channels << 2);
  const kBytes = load<i32>(task, PackTask.kBytes << 2), channelBytes = load<i32>(task, PackTask.channelBytes << 2);
  const counts = <usize>load<i32>(task, PackTask.output << 2);
  memory.fill(counts + begin * COUNT_WORDS * 4, 0, (end - begin) * COUNT_WORDS * 4);
  // As an integer -0 is less than all others.
  let least = i32x4.splat(0);
  let row = <usize>load<i32>(task, PackTask.weights << 2);
  for (let c = 0; c < k; c++, row += kBytes) {
    for (let item = begin; item < end; item++) {
      const first = item * CHANNEL_GROUP, count = min(CHANNEL_GROUP, channels - first);
      const from = row + first * channelBytes;
      let bits = 0;
      if (channelBytes == 4 && count == CHANNEL_GROUP) {
        for (let i = 0; i < CHANNEL_GROUP; i += 8) {
          const x = v128.load(from + (i << 2)), y = v128.load(from + (i << 2), 16);
          least = i32x4.min_s(least, i32x4.min_s(x, y));
          bits |= (nonzeros(x) | nonzeros(y) << 4) << i;
        }
      } else {
        bits = channelBits(from, channelBytes, count, false);
        if (channelBits(from, channelBytes, count, true)) least = i32x4.splat(NEGATIVE_ZERO);
      }
      const to = counts + item * COUNT_WORDS * 4;
      add(to, popcnt(bits));
      bits |= bits >>> 1; add(to + 4, popcnt(bits & 0x55555555)); // a block of 2N is a pair of blocks of N
      bits |= bits >>> 2; add(to + 8, popcnt(bits & 0x11111111));
      bits |= bits >>> 4; add(to + 12, popcnt(bits & 0x01010101));
      bits |= bits >>> 8; add(to + 16, popcnt(bits & 0x00010001));
      add(to + 20, (bits | bits >>> 16) & 1);
    }
  }
  add(counts + begin * COUNT_WORDS * 4 + 24, <i32>v128.any_true(i32x4.eq(least, i32x4.splat(NEGATIVE_ZERO))));
}

@inline
function add(to: usize, count: i32): void {
  store<i32>(to, load<i32>(to) + count);
}

/**
 * Packs the blocks that hold a nonzero, or all of them: see `PackTask`.
 *
 * @param scratch the thread's working memory: k + 2 words
 */
export function packBlocks(task: usize, begin: i32, end: i32, scratch: usize): void {
  const k = load<i32>(task, PackTask.k << 2), channels = load<i32>(task, PackTask.channels << 2);
  const kBytes = load<i32>(task, PackTask.kBytes << 2), channelBytes = load<i32>(task, PackTask.channelBytes << 2);
  const n = load<i32>(task, PackTask.n << 2), mask = -1 >>> (32 - n);
  const values = <usize>load<i32>(task, PackTask.output << 2), columns = <usize>load<i32>(task, PackTask.columns << 2);
  const rowStart = <usize>load<i32>(task, PackTask.rowStart << 2);
  const negativeZeros = <usize>load<i32>(task, PackTask.negativeZeros << 2);
  const slices = n == 1 ? (k + SLICE_COLUMNS - 1) / SLICE_COLUMNS : 1, slice = (k + slices - 1) / slices;
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
      if (columns && (n == 1 || (n == 2 && filters == 2 && channelBytes == 4))) {
        // Blocks that stay and blocks that go follow each other at random: a branch would be guessed wrong too often.
        const aside = scratch + (k << 2);
        let ends = rowStart + 4 + (first / n << 2) - (slices - 1) * (channels + 1 << 2);
        for (let c = 0; c < k; ) {
          for (const sliceEnd = min(c + slice, k); c < sliceEnd; c++, from += kBytes) {
            const kept = (load<i32>(scratch + (c << 2)) >>> (first - group) & mask) != 0;
            const to = kept ? values + (block * n << 2) : aside;
            store<i16>(kept ? columns + (block << 1) : aside, <i16>c);
            if (n == 1) store<i32>(to, load<i32>(from));
            else store<i64>(to, load<i64>(from));
            block += <i32>kept;
          }
          store<i32>(ends, block);
          ends += channels + 1 << 2;
        }
        continue;
      }
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

/** One bit for each lane that is neither 0 nor -0. */
@inline
function nonzeros(x: v128): i32 {
  return i32x4.bitmask(f32x4.ne(x, f32x4.splat(0)));
}

/** One bit for each of up to 32 weights: whether it is -0, or whether it is another number than 0 and -0. */
function channelBits(from: usize, step: i32, count: i32, negativeZero: bool): i32 {
  let bits = 0, i = 0;
  if (step == 4) {
    for (; i + 4 <= count; i += 4) {
      const x = v128.load(from + (i << 2));
      bits |= (negativeZero ? i32x4.bitmask(i32x4.eq(x, i32x4.splat(NEGATIVE_ZERO))) : nonzeros(x)) << i;
    }
  }
  for (; i < count; i++) {
    const x = load<i32>(from + i * step);
    bits |= <i32>(negativeZero ? x == NEGATIVE_ZERO : x << 1 != 0) << i;
  }
  return bits;
}
