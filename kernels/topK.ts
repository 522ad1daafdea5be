// The largest values of long rows.
import {TopKTask} from './task';

/** Floats that are passed over at once if none of them is among the best so far. */
const SPAN: i32 = 16;

/**
 * The k largest of each row in descending order, equal ones by ascending index: see `TopKTask`. NaN counts as -Infinity.
 *
 * The best so far are a heap with the worst of them at the root: what is not above that is passed over.
 */
export function topK(task: usize, begin: i32, end: i32): void {
  const n = load<i32>(task, TopKTask.rowFloats << 2), k = load<i32>(task, TopKTask.k << 2);
  for (let row = begin; row < end; row++) {
    const x = <usize>load<i32>(task, TopKTask.input << 2) + (<usize>(row * n) << 2);
    const values = <usize>load<i32>(task, TopKTask.values << 2) + (<usize>(row * k) << 2);
    const indices = <usize>load<i32>(task, TopKTask.indices << 2) + (<usize>(row * k) << 2);
    for (let i = 0; i < k; i++) {
      const value = load<f32>(x + (<usize>i << 2));
      put(values, indices, i, value == value ? value : -Infinity, i);
    }
    for (let i = (k >> 1) - 1; i >= 0; i--) {
      settle(values, indices, i, k, load<f32>(values + (<usize>i << 2)), load<i32>(indices + (<usize>i << 2)));
    }
    for (let i = k; i < n; ) {
      const worst = load<f32>(values);
      const span = x + (<usize>i << 2);
      if (i + SPAN <= n) {
        const limit = f32x4.splat(worst);
        const low = v128.or(f32x4.gt(v128.load(span), limit), f32x4.gt(v128.load(span, 16), limit));
        const high = v128.or(f32x4.gt(v128.load(span, 32), limit), f32x4.gt(v128.load(span, 48), limit));
        if (!v128.any_true(v128.or(low, high))) {
          i += SPAN;
          continue;
        }
      }
      const stop = min(i + SPAN, n);
      for (; i < stop; i++) {
        const value = load<f32>(x + (<usize>i << 2));
        if (value > load<f32>(values)) settle(values, indices, 0, k, value, i);
      }
    }
    // The worst goes to the end, again and again.
    for (let last = k - 1; last > 0; last--) {
      const at = <usize>last << 2;
      const value = load<f32>(values + at), index = load<i32>(indices + at);
      put(values, indices, last, load<f32>(values), load<i32>(indices));
      settle(values, indices, 0, last, value, index);
    }
    for (let i: usize = 0; i < <usize>k << 2; i += 4) store<f32>(values + i, load<f32>(x + (<usize>load<i32>(indices + i) << 2)));
  }
}

/** Puts an entry into the heap's hole, below all that are worse. */
function settle(values: usize, indices: usize, hole: i32, size: i32, value: f32, index: i32): void {
  while (true) {
    let child = 2 * hole + 1;
    if (child >= size) break;
    let at = <usize>child << 2;
    if (child + 1 < size) {
      const next = at + 4;
      if (isWorse(load<f32>(values + next), load<i32>(indices + next), load<f32>(values + at), load<i32>(indices + at))) {
        child++;
        at = next;
      }
    }
    const childValue = load<f32>(values + at), childIndex = load<i32>(indices + at);
    if (!isWorse(childValue, childIndex, value, index)) break;
    put(values, indices, hole, childValue, childIndex);
    hole = child;
  }
  put(values, indices, hole, value, index);
}

@inline
function isWorse(value: f32, index: i32, otherValue: f32, otherIndex: i32): bool {
  return value < otherValue || (value == otherValue && index > otherIndex);
}

@inline
function put(values: usize, indices: usize, at: i32, value: f32, index: i32): void {
  store<f32>(values + (<usize>at << 2), value);
  store<i32>(indices + (<usize>at << 2), index);
}
