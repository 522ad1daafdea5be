// From pixel rows (channels innermost) to panels (pixels innermost) and back, in 4x4 tiles.
import {storeLanes} from './simd';

/**
 * Fills a panel [k][tile] from pixel rows. Pixels beyond the last repeat it: no garbage, no denormals in the padding.
 *
 * @param rows first pixel row of k floats; rows are `rowBytes` apart
 * @param pixels valid pixels, 1 to tile
 * @param tile pixels of the panel, a multiple of 4
 */
export function packPanel(rows: usize, rowBytes: usize, pixels: i32, k: i32, panel: usize, tile: i32): void {
  const pitch = <usize>tile << 2;
  const whole = k & ~3;
  for (let p = 0; p < tile; p += 4) {
    let x0 = rows + <usize>min(p, pixels - 1) * rowBytes;
    let x1 = rows + <usize>min(p + 1, pixels - 1) * rowBytes;
    let x2 = rows + <usize>min(p + 2, pixels - 1) * rowBytes;
    let x3 = rows + <usize>min(p + 3, pixels - 1) * rowBytes;
    let to = panel + (<usize>p << 2);
    for (let c = 0; c < whole; c += 4) {
      const r0 = v128.load(x0), r1 = v128.load(x1), r2 = v128.load(x2), r3 = v128.load(x3);
      const ab = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), cd = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const ef = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7), gh = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f64>(ab, cd, 0, 2));
      v128.store(to + pitch, v128.shuffle<f64>(ab, cd, 1, 3));
      v128.store(to + 2 * pitch, v128.shuffle<f64>(ef, gh, 0, 2));
      v128.store(to + 3 * pitch, v128.shuffle<f64>(ef, gh, 1, 3));
      to += 4 * pitch;
      x0 += 16; x1 += 16; x2 += 16; x3 += 16;
    }
    for (let c = whole; c < k; c++) {
      store<f32>(to, load<f32>(x0)); store<f32>(to, load<f32>(x1), 4);
      store<f32>(to, load<f32>(x2), 8); store<f32>(to, load<f32>(x3), 12);
      to += pitch;
      x0 += 4; x1 += 4; x2 += 4; x3 += 4;
    }
  }
}

/**
 * Writes planes [channel][tile] to NHWC output pixels.
 *
 * @param channels valid channels; planes up to the next multiple of 4 are readable
 * @param pixels valid pixels, 1 to tile
 * @param out first pixel at the first channel; pixels are `outBytes` apart
 */
export function unpackPlanes(planes: usize, tile: i32, channels: i32, pixels: i32, out: usize, outBytes: usize): void {
  const pitch = <usize>tile << 2;
  for (let p = 0; p < pixels; p += 4) {
    let y = out + <usize>p * outBytes;
    let from = planes + (<usize>p << 2);
    const left = pixels - p;
    for (let c = 0; c < channels; c += 4) {
      const r0 = v128.load(from), r1 = v128.load(from + pitch);
      const r2 = v128.load(from + 2 * pitch), r3 = v128.load(from + 3 * pitch);
      const ab = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), cd = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const ef = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7), gh = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      const y0 = v128.shuffle<f64>(ab, cd, 0, 2), y1 = v128.shuffle<f64>(ab, cd, 1, 3);
      const y2 = v128.shuffle<f64>(ef, gh, 0, 2), y3 = v128.shuffle<f64>(ef, gh, 1, 3);
      const lanes = channels - c;
      if (lanes >= 4) {
        v128.store(y, y0);
        if (left > 1) v128.store(y + outBytes, y1);
        if (left > 2) v128.store(y + 2 * outBytes, y2);
        if (left > 3) v128.store(y + 3 * outBytes, y3);
      } else {
        storeLanes(y, y0, lanes);
        if (left > 1) storeLanes(y + outBytes, y1, lanes);
        if (left > 2) storeLanes(y + 2 * outBytes, y2, lanes);
        if (left > 3) storeLanes(y + 3 * outBytes, y3, lanes);
      }
      from += 4 * pitch;
      y += 16;
    }
  }
}
