// The few vector idioms that all kernels share. The two variants of the module differ here and nowhere else.

/** a * b + c, in one rounding where the module is built with relaxed SIMD. */
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Limits x to [low, high]; a NaN of x stays. pmin and pmax are one instruction on x64, min and max a long sequence. */
@inline
export function clamp(x: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, low), high);
}

/** Loads `count` (1 to 3) floats; the other lanes are 0. */
@inline
export function loadLanes(from: usize, count: i32): v128 {
  if (count == 1) return v128.load32_zero(from);
  const x = v128.load64_zero(from);
  return count == 2 ? x : v128.load32_lane(from, x, 2, 8);
}

/** Stores the first `count` (1 to 3) lanes. */
@inline
export function storeLanes(to: usize, x: v128, count: i32): void {
  if (count == 1) {
    v128.store32_lane(to, x, 0);
  } else {
    v128.store64_lane(to, x, 0);
    if (count == 3) v128.store32_lane(to, x, 2, 8);
  }
}

/** Stores `count` (1 to 8) floats of a pair of vectors. */
@inline
export function store8(to: usize, low: v128, high: v128, count: i32): void {
  if (count >= 8) {
    v128.store(to, low);
    v128.store(to, high, 16);
  } else if (count >= 4) {
    v128.store(to, low);
    if (count > 4) storeLanes(to + 16, high, count - 4);
  } else {
    storeLanes(to, low, count);
  }
}

/** Stores the first `count` (1 or more) lanes, all of them from 4 on. */
@inline
export function store4(to: usize, x: v128, count: i32): void {
  if (count >= 4) v128.store(to, x);
  else storeLanes(to, x, count);
}

/** Loads `count` (1 or more) lanes, all of them from 4 on; the others are 0. */
@inline
export function load4(from: usize, count: i32): v128 {
  return count >= 4 ? v128.load(from) : loadLanes(from, count);
}
