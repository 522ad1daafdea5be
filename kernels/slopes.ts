/**
 * Multiplies every negative value by a slope (prelu, leakyrelu), in place.
 *
 * @param out `pixels` x `channels` floats, pixels `outBytes` apart
 * @param count 1 for one slope, otherwise one a channel
 */
export function applySlopes(out: usize, pixels: i32, channels: i32, outBytes: usize, slopes: usize, count: i32): void {
  const zero = f32x4.splat(0);
  const whole = channels & ~3;
  const step: usize = count == 1 ? 0 : 4;
  for (let p = 0; p < pixels; p++, out += outBytes) {
    let s = slopes, y = out;
    for (let c = 0; c < whole; c += 4) {
      const x = v128.load(y);
      const slope = count == 1 ? v128.load32_splat(s) : v128.load(s);
      v128.store(y, v128.bitselect(f32x4.mul(x, slope), x, f32x4.lt(x, zero)));
      y += 16; s += step << 2;
    }
    for (let c = whole; c < channels; c++) {
      const x = load<f32>(y);
      if (x < 0) store<f32>(y, x * load<f32>(s));
      y += 4; s += step;
    }
  }
}
