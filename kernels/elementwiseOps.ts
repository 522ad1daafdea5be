// Elementwise operations on runs of values. What stock makes of NaN and -0 is part of what each computes.
import {copyFloats, fillFloats} from './copy';
import {Elementwise} from './task';

/** Floats that the loops take at a time. */
const BLOCK: i32 = 16;

/** Floats of working memory of `applyElementwise`: a block of each operand. */
export const TAIL_FLOATS = 2 * BLOCK;

/**
 * Computes out[i] = op(x[i], y[i]).
 *
 * @param out may be x
 * @param scratch working memory of TAIL_FLOATS
 */
export function applyElementwise(op: i32, out: usize, x: usize, y: usize, floats: i32, scratch: usize): void {
  if (op == Elementwise.equal || op == Elementwise.lessEqual) {
    compare(out, x, y, floats, op == Elementwise.equal);
    return;
  }
  if (op == Elementwise.fromBool) {
    fromBool(out, x, floats);
    return;
  }
  blocks(op, out, x, y, floats / BLOCK);
  const rest = floats % BLOCK;
  if (rest == 0) return;
  const done = <usize>(floats - rest << 2), second = scratch + (BLOCK << 2);
  fillFloats(scratch, 0, TAIL_FLOATS);
  copyFloats(scratch, x + done, rest);
  copyFloats(second, y + done, rest);
  blocks(op, scratch, scratch, second, 1);
  copyFloats(out + done, scratch, rest);
}

function blocks(op: i32, out: usize, x: usize, y: usize, count: i32): void {
  switch (op) {
    case Elementwise.add: return loop(Elementwise.add, out, x, y, count);
    case Elementwise.subtract: return loop(Elementwise.subtract, out, x, y, count);
    case Elementwise.multiply: return loop(Elementwise.multiply, out, x, y, count);
    case Elementwise.divide: return loop(Elementwise.divide, out, x, y, count);
    case Elementwise.maximum: return loop(Elementwise.maximum, out, x, y, count);
    case Elementwise.minimum: return loop(Elementwise.minimum, out, x, y, count);
    case Elementwise.prelu: return loop(Elementwise.prelu, out, x, y, count);
    case Elementwise.leakyRelu: return loop(Elementwise.leakyRelu, out, x, y, count);
    case Elementwise.relu: return loop(Elementwise.relu, out, x, y, count);
    case Elementwise.reluUpTo: return loop(Elementwise.reluUpTo, out, x, y, count);
    case Elementwise.sumFromZero: return loop(Elementwise.sumFromZero, out, x, y, count);
    case Elementwise.reluGradient: return loop(Elementwise.reluGradient, out, x, y, count);
    case Elementwise.relu6Gradient: return loop(Elementwise.relu6Gradient, out, x, y, count);
    case Elementwise.fromInteger: return loop(Elementwise.fromInteger, out, x, y, count);
    default:
      for (const end = out + <usize>(count * BLOCK << 2); out < end; out += 16) {
        v128.store(out, sigmoid(v128.load(x)));
        x += 16;
      }
  }
}

@inline
function loop(op: i32, out: usize, x: usize, y: usize, count: i32): void {
  while (count > 0) {
    v128.store(out, compute(op, v128.load(x), v128.load(y)));
    v128.store(out, compute(op, v128.load(x, 16), v128.load(y, 16)), 16);
    v128.store(out, compute(op, v128.load(x, 32), v128.load(y, 32)), 32);
    v128.store(out, compute(op, v128.load(x, 48), v128.load(y, 48)), 48);
    out += 64; x += 64; y += 64;
    count--;
  }
}

/** One chain without returns: the compiler folds it to the branch of a constant `op`, and leaves nothing of the others. */
@inline
function compute(op: i32, x: v128, y: v128): v128 {
  const zero = f32x4.splat(0);
  let result = x;
  if (op == Elementwise.add) result = f32x4.add(x, y);
  else if (op == Elementwise.subtract) result = f32x4.sub(x, y);
  else if (op == Elementwise.multiply) result = f32x4.mul(x, y);
  else if (op == Elementwise.divide) result = f32x4.div(x, y);
  // x < y ? y : x, which is x where one of them is NaN.
  else if (op == Elementwise.maximum) result = f32x4.pmax(x, y);
  else if (op == Elementwise.minimum) result = f32x4.pmin(x, y);
  // As integers: a NaN counts as positive or negative by its sign bit. Not fused: a product that underflows to -0 becomes
  // 0 in the sum.
  else if (op == Elementwise.prelu) result = f32x4.add(i32x4.max_s(x, zero), f32x4.mul(i32x4.min_s(x, zero), y));
  else if (op == Elementwise.leakyRelu) result = v128.bitselect(f32x4.mul(x, y), x, f32x4.lt(x, zero));
  else if (op == Elementwise.reluUpTo) result = f32x4.pmin(y, f32x4.pmax(zero, x)); // 0 for NaN
  else if (op == Elementwise.relu) result = i32x4.max_s(x, zero);
  else if (op == Elementwise.reluGradient) result = v128.and(x, f32x4.gt(y, zero));
  else if (op == Elementwise.relu6Gradient) {
    result = v128.and(x, v128.and(f32x4.gt(y, zero), f32x4.lt(y, f32x4.splat(6))));
  } else if (op == Elementwise.fromInteger) result = f32x4.convert_i32x4_s(x);
  else if (op == Elementwise.sumFromZero) result = f32x4.add(f32x4.add(zero, x), y);
  return result;
}

/**
 * 1 / (1 + exp(-x)), by XNNPACK's method and in its order, so that the bits are those of stock. With e = exp(-|x|) it is
 * e / (1 + e) for negative x, and 1 less that for positive x.
 */
@inline
function sigmoid(x: v128): v128 {
  const e = expOfNegative(f32x4.abs(x));
  const result = f32x4.div(e, f32x4.add(e, f32x4.splat(1)));
  return v128.bitselect(result, f32x4.sub(f32x4.splat(1), result), f32x4.lt(x, f32x4.splat(0)));
}

/**
 * exp(-z) for z from 0 to Infinity, 0 where that would be denormal. By XNNPACK's method and constants and in its order, so
 * that the bits are those of stock's sigmoid: never fused.
 */
@inline
export function expOfNegative(z: v128): v128 {
  // exp(-z) = 2^n * exp(t), n a whole number and |t| <= log(2) / 2: the large addend rounds to n, plus the exponent's bias.
  const magic = f32x4.splat(reinterpret<f32>(0x4b40007f));
  const biased = f32x4.add(f32x4.mul(z, f32x4.splat(reinterpret<f32>(0xbfb8aa3b))), magic);
  const scale = i32x4.shl(biased, 23);
  const n = f32x4.sub(biased, magic);
  // log(2) in two parts, the first one short: its product with n is exact. The sign of t is turned, and the odd powers'.
  let t = f32x4.add(f32x4.mul(n, f32x4.splat(reinterpret<f32>(0x3f317200))), z);
  t = f32x4.add(f32x4.mul(n, f32x4.splat(reinterpret<f32>(0x35bfbe8e))), t);
  let p = f32x4.add(f32x4.mul(t, f32x4.splat(reinterpret<f32>(0xbc07cfce))), f32x4.splat(reinterpret<f32>(0x3d2b9d0d)));
  p = f32x4.add(f32x4.mul(t, p), f32x4.splat(reinterpret<f32>(0xbe2aad40)));
  p = f32x4.add(f32x4.mul(t, p), f32x4.splat(reinterpret<f32>(0x3efffee3)));
  p = f32x4.add(f32x4.mul(t, p), f32x4.splat(reinterpret<f32>(0xbf7ffffb)));
  const e = f32x4.add(f32x4.mul(f32x4.mul(t, scale), p), scale);
  // Beyond that z the scale is no number of 2^n any more.
  return v128.andnot(e, f32x4.gt(z, f32x4.splat(reinterpret<f32>(0x42aeac4f))));
}

/** Bytes: 1 where x[i] == y[i], or x[i] <= y[i], otherwise 0. */
function compare(out: usize, x: usize, y: usize, floats: i32, equal: bool): void {
  for (; floats >= 4; floats -= 4) {
    const a = v128.load(x), b = v128.load(y);
    const ones = v128.and(equal ? f32x4.eq(a, b) : f32x4.le(a, b), i32x4.splat(1));
    const shorts = i16x8.narrow_i32x4_s(ones, ones);
    v128.store32_lane(out, i8x16.narrow_i16x8_s(shorts, shorts), 0);
    out += 4; x += 16; y += 16;
  }
  for (; floats > 0; floats--) {
    const a = load<f32>(x), b = load<f32>(y);
    store<u8>(out, u8(equal ? a == b : a <= b));
    out++; x += 4; y += 4;
  }
}

/** Floats of bytes. */
function fromBool(out: usize, x: usize, floats: i32): void {
  for (; floats >= 4; floats -= 4) {
    v128.store(out, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x)))));
    out += 16; x += 4;
  }
  for (; floats > 0; floats--) {
    store<f32>(out, <f32>load<u8>(x));
    out += 4; x++;
  }
}
