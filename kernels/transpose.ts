// From pixel rows (channels innermost) to panels (pixels innermost) and back, in 4x4 tiles.
import {storeLanes} from './simd';

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
