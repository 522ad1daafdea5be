// One pixel at a time: fully connected layers, squeeze-and-excite branches, the last pixels of a tile. Four entries in
// turn feed their own accumulators, which hides the latency that more pixels would.
import {clamp, fma, store8} from './simd';

/** Dense: one block row of 8 output channels; parameters as f32_gemm_1x8_p6. */
export function f32_gemm_1x8_p1(
  rows: usize, rowBytes: usize, pixels: i32, k: i32, values: usize, bias: usize,
  out: usize, outBytes: usize, channels: i32, min: f32, max: f32,
): void {
  for (let p = 0; p < pixels; p++) {
    let x = rows + <usize>p * rowBytes;
    const unrolled = x + (<usize>(k & ~3) << 2);
    const end = x + (<usize>k << 2);
    let w = values;
    let a0 = v128.load(bias), b0 = v128.load(bias, 16);
    let a1 = f32x4.splat(0), a2 = a1, a3 = a1, b1 = a1, b2 = a1, b3 = a1;
    while (x < unrolled) {
      let s = v128.load32_splat(x); a0 = fma(s, v128.load(w), a0); b0 = fma(s, v128.load(w, 16), b0);
      s = v128.load32_splat(x, 4); a1 = fma(s, v128.load(w, 32), a1); b1 = fma(s, v128.load(w, 48), b1);
      s = v128.load32_splat(x, 8); a2 = fma(s, v128.load(w, 64), a2); b2 = fma(s, v128.load(w, 80), b2);
      s = v128.load32_splat(x, 12); a3 = fma(s, v128.load(w, 96), a3); b3 = fma(s, v128.load(w, 112), b3);
      x += 16; w += 128;
    }
    while (x < end) {
      const s = v128.load32_splat(x); a0 = fma(s, v128.load(w), a0); b0 = fma(s, v128.load(w, 16), b0);
      x += 4; w += 32;
    }
    finish(out + <usize>p * outBytes, a0, a1, a2, a3, b0, b1, b2, b3, channels, min, max);
  }
}

/** Sparse: 8 output channels of one block row; parameters as f32_spmm_1x8_p6. */
export function f32_spmm_1x8_p1(
  rows: usize, rowBytes: usize, pixels: i32, offsets: usize, offsetsEnd: usize, values: usize, valueBytes: usize,
  bias: usize, out: usize, outBytes: usize, channels: i32, min: f32, max: f32,
): void {
  const unrolled = offsets + (offsetsEnd - offsets & ~15);
  for (let p = 0; p < pixels; p++) {
    const x = rows + <usize>p * rowBytes;
    let w = values;
    let o = offsets;
    let a0 = v128.load(bias), b0 = v128.load(bias, 16);
    let a1 = f32x4.splat(0), a2 = a1, a3 = a1, b1 = a1, b2 = a1, b3 = a1;
    while (o < unrolled) {
      let s = v128.load32_splat(x + <usize>load<i32>(o)); a0 = fma(s, v128.load(w), a0); b0 = fma(s, v128.load(w, 16), b0);
      w += valueBytes;
      s = v128.load32_splat(x + <usize>load<i32>(o, 4)); a1 = fma(s, v128.load(w), a1); b1 = fma(s, v128.load(w, 16), b1);
      w += valueBytes;
      s = v128.load32_splat(x + <usize>load<i32>(o, 8)); a2 = fma(s, v128.load(w), a2); b2 = fma(s, v128.load(w, 16), b2);
      w += valueBytes;
      s = v128.load32_splat(x + <usize>load<i32>(o, 12)); a3 = fma(s, v128.load(w), a3); b3 = fma(s, v128.load(w, 16), b3);
      w += valueBytes; o += 16;
    }
    while (o < offsetsEnd) {
      const s = v128.load32_splat(x + <usize>load<i32>(o)); a0 = fma(s, v128.load(w), a0); b0 = fma(s, v128.load(w, 16), b0);
      w += valueBytes; o += 4;
    }
    finish(out + <usize>p * outBytes, a0, a1, a2, a3, b0, b1, b2, b3, channels, min, max);
  }
}

// @ts-ignore: decorator
@inline
function finish(
  y: usize, a0: v128, a1: v128, a2: v128, a3: v128, b0: v128, b1: v128, b2: v128, b3: v128,
  channels: i32, min: f32, max: f32,
): void {
  const low = f32x4.splat(min), high = f32x4.splat(max);
  const a = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
  const b = f32x4.add(f32x4.add(b0, b1), f32x4.add(b2, b3));
  store8(y, clamp(a, low, high), clamp(b, low, high), channels);
}
