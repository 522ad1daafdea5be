// Sparse kernels whose vectors run along pixels. They read a panel [K][tile], where a column is the tile's pixels of one
// im2col channel, and write planes [channel][tile]; transposing at both ends is the driver's business (transpose.ts).
// Offsets are byte offsets into the panel.
import {clamp, fma} from './simd';

/** Block rows first .. last - 1 of N = 4 over a tile of 8 pixels: 2 pixel vectors x 4 weight splats, 8 accumulators. */
export function f32_spmm_1x4_p8(
  panel: usize, offsets: usize, rowStart: usize, first: i32, last: i32, values: usize, bias: usize, planes: usize,
  min: f32, max: f32,
): void {
  const low = f32x4.splat(min);
  const high = f32x4.splat(max);
  const begin = <usize>load<i32>(rowStart + (<usize>first << 2));
  let o = offsets + (begin << 2);
  let w = values + (begin << 4);
  let b = bias + (<usize>first << 4);
  let y = planes;
  for (let r = first; r < last; r++) {
    const end = offsets + (<usize>load<i32>(rowStart + (<usize>r << 2), 4) << 2);
    let a0 = v128.load32_splat(b), b0 = a0;
    let a1 = v128.load32_splat(b, 4), b1 = a1;
    let a2 = v128.load32_splat(b, 8), b2 = a2;
    let a3 = v128.load32_splat(b, 12), b3 = a3;
    while (o < end) {
      const q = panel + <usize>load<i32>(o);
      const u = v128.load(q), v = v128.load(q, 16);
      let s = v128.load32_splat(w); a0 = fma(u, s, a0); b0 = fma(v, s, b0);
      s = v128.load32_splat(w, 4); a1 = fma(u, s, a1); b1 = fma(v, s, b1);
      s = v128.load32_splat(w, 8); a2 = fma(u, s, a2); b2 = fma(v, s, b2);
      s = v128.load32_splat(w, 12); a3 = fma(u, s, a3); b3 = fma(v, s, b3);
      o += 4; w += 16;
    }
    v128.store(y, clamp(a0, low, high)); v128.store(y, clamp(b0, low, high), 16);
    v128.store(y, clamp(a1, low, high), 32); v128.store(y, clamp(b1, low, high), 48);
    v128.store(y, clamp(a2, low, high), 64); v128.store(y, clamp(b2, low, high), 80);
    v128.store(y, clamp(a3, low, high), 96); v128.store(y, clamp(b3, low, high), 112);
    y += 128; b += 16;
  }
}

/** Block rows first .. last - 1 of N = 2 over a tile of 16 pixels: 4 pixel vectors x 2 weight splats. */
export function f32_spmm_1x2_p16(
  panel: usize, offsets: usize, rowStart: usize, first: i32, last: i32, values: usize, bias: usize, planes: usize,
  min: f32, max: f32,
): void {
  const low = f32x4.splat(min);
  const high = f32x4.splat(max);
  const begin = <usize>load<i32>(rowStart + (<usize>first << 2));
  let o = offsets + (begin << 2);
  let w = values + (begin << 3);
  let b = bias + (<usize>first << 3);
  let y = planes;
  for (let r = first; r < last; r++) {
    const end = offsets + (<usize>load<i32>(rowStart + (<usize>r << 2), 4) << 2);
    let a0 = v128.load32_splat(b), a1 = a0, a2 = a0, a3 = a0;
    let b0 = v128.load32_splat(b, 4), b1 = b0, b2 = b0, b3 = b0;
    while (o < end) {
      const q = panel + <usize>load<i32>(o);
      const s = v128.load32_splat(w), t = v128.load32_splat(w, 4);
      let x = v128.load(q); a0 = fma(x, s, a0); b0 = fma(x, t, b0);
      x = v128.load(q, 16); a1 = fma(x, s, a1); b1 = fma(x, t, b1);
      x = v128.load(q, 32); a2 = fma(x, s, a2); b2 = fma(x, t, b2);
      x = v128.load(q, 48); a3 = fma(x, s, a3); b3 = fma(x, t, b3);
      o += 4; w += 8;
    }
    v128.store(y, clamp(a0, low, high)); v128.store(y, clamp(a1, low, high), 16);
    v128.store(y, clamp(a2, low, high), 32); v128.store(y, clamp(a3, low, high), 48);
    v128.store(y, clamp(b0, low, high), 64); v128.store(y, clamp(b1, low, high), 80);
    v128.store(y, clamp(b2, low, high), 96); v128.store(y, clamp(b3, low, high), 112);
    y += 128; b += 8;
  }
}

/** Output channels first .. last - 1 (N = 1) over a tile of 32 pixels: 8 pixel vectors x 1 weight splat. */
export function f32_spmm_1x1_p32(
  panel: usize, offsets: usize, rowStart: usize, first: i32, last: i32, values: usize, bias: usize, planes: usize,
  min: f32, max: f32,
): void {
  const low = f32x4.splat(min);
  const high = f32x4.splat(max);
  const begin = <usize>load<i32>(rowStart + (<usize>first << 2));
  let o = offsets + (begin << 2);
  let w = values + (begin << 2);
  let b = bias + (<usize>first << 2);
  let y = planes;
  for (let r = first; r < last; r++) {
    const end = offsets + (<usize>load<i32>(rowStart + (<usize>r << 2), 4) << 2);
    let a0 = v128.load32_splat(b), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    while (o < end) {
      const q = panel + <usize>load<i32>(o);
      const s = v128.load32_splat(w);
      a0 = fma(v128.load(q), s, a0); a1 = fma(v128.load(q, 16), s, a1);
      a2 = fma(v128.load(q, 32), s, a2); a3 = fma(v128.load(q, 48), s, a3);
      a4 = fma(v128.load(q, 64), s, a4); a5 = fma(v128.load(q, 80), s, a5);
      a6 = fma(v128.load(q, 96), s, a6); a7 = fma(v128.load(q, 112), s, a7);
      o += 4; w += 4;
    }
    v128.store(y, clamp(a0, low, high)); v128.store(y, clamp(a1, low, high), 16);
    v128.store(y, clamp(a2, low, high), 32); v128.store(y, clamp(a3, low, high), 48);
    v128.store(y, clamp(a4, low, high), 64); v128.store(y, clamp(a5, low, high), 80);
    v128.store(y, clamp(a6, low, high), 96); v128.store(y, clamp(a7, low, high), 112);
    y += 128; b += 4;
  }
}
