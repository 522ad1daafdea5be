import {clamp, fma, store8} from './simd';

/**
 * Sparse: 8 of the N output channels of one block row over `pixels` pixel rows, 6 at a time: 12 accumulators, 2 weight
 * vectors, pixel splats at the kept columns. N = 16 and 32 run as N / 8 passes over the same columns. Pixels beyond the
 * last repeat it, so that they compute and store the same values once more.
 *
 * @param rows first pixel row, rows are `rowBytes` apart
 * @param offsets first of the block row's kept entries: byte offsets into a pixel row
 * @param offsetsEnd one past the last
 * @param values the 8 floats of the first entry; entries are `valueBytes` = 4N apart
 * @param out first output pixel, at this block row's first channel; pixels are `outBytes` apart
 * @param channels valid output channels, 1 to 8
 */
export function f32_spmm_1x8_p6(
  rows: usize, rowBytes: usize, pixels: i32, offsets: usize, offsetsEnd: usize, values: usize, valueBytes: usize,
  bias: usize, out: usize, outBytes: usize, channels: i32, min: f32, max: f32,
): void {
  const low = f32x4.splat(min);
  const high = f32x4.splat(max);
  for (let p = 0; p < pixels; p += 6) {
    const x0 = rows + <usize>p * rowBytes;
    const x1 = p + 1 < pixels ? x0 + rowBytes : x0;
    const x2 = p + 2 < pixels ? x1 + rowBytes : x1;
    const x3 = p + 3 < pixels ? x2 + rowBytes : x2;
    const x4 = p + 4 < pixels ? x3 + rowBytes : x3;
    const x5 = p + 5 < pixels ? x4 + rowBytes : x4;
    let w = values;
    let a0 = v128.load(bias), b0 = v128.load(bias, 16);
    let a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    let b1 = b0, b2 = b0, b3 = b0, b4 = b0, b5 = b0;
    for (let o = offsets; o < offsetsEnd; o += 4) {
      const column = <usize>load<i32>(o);
      const u = v128.load(w), v = v128.load(w, 16);
      let x = v128.load32_splat(x0 + column); a0 = fma(x, u, a0); b0 = fma(x, v, b0);
      x = v128.load32_splat(x1 + column); a1 = fma(x, u, a1); b1 = fma(x, v, b1);
      x = v128.load32_splat(x2 + column); a2 = fma(x, u, a2); b2 = fma(x, v, b2);
      x = v128.load32_splat(x3 + column); a3 = fma(x, u, a3); b3 = fma(x, v, b3);
      x = v128.load32_splat(x4 + column); a4 = fma(x, u, a4); b4 = fma(x, v, b4);
      x = v128.load32_splat(x5 + column); a5 = fma(x, u, a5); b5 = fma(x, v, b5);
      w += valueBytes;
    }
    const y0 = out + <usize>p * outBytes;
    const y1 = p + 1 < pixels ? y0 + outBytes : y0;
    const y2 = p + 2 < pixels ? y1 + outBytes : y1;
    const y3 = p + 3 < pixels ? y2 + outBytes : y2;
    const y4 = p + 4 < pixels ? y3 + outBytes : y3;
    const y5 = p + 5 < pixels ? y4 + outBytes : y4;
    store8(y0, clamp(a0, low, high), clamp(b0, low, high), channels);
    store8(y1, clamp(a1, low, high), clamp(b1, low, high), channels);
    store8(y2, clamp(a2, low, high), clamp(b2, low, high), channels);
    store8(y3, clamp(a3, low, high), clamp(b3, low, high), channels);
    store8(y4, clamp(a4, low, high), clamp(b4, low, high), channels);
    store8(y5, clamp(a5, low, high), clamp(b5, low, high), channels);
  }
}
