// What networks do to whole pixels between their convolutions.
import {copyFloats, fillFloats} from './copy';

/** Pixels whose sum is formed before it is added to the total: rounding errors grow with the parts, not with the whole. */
const PART: i32 = 64;

/**
 * The mean over the pixels of each image (global average pooling).
 *
 * @param input [batch, pixels, channels]
 * @param output [batch, channels]
 */
export function meanPixels(input: usize, output: usize, batch: i32, pixels: i32, channels: i32): void {
  const pixelBytes = <usize>channels << 2;
  const whole = <usize>(channels & ~3) << 2;
  const scale = <f32>pixels;
  for (let image = 0; image < batch; image++) {
    memory.fill(output, 0, pixelBytes);
    for (let first = 0; first < pixels; first += PART) {
      const end = input + <usize>min(PART, pixels - first) * pixelBytes;
      for (let c: usize = 0; c < whole; c += 16) {
        let sum = f32x4.splat(0);
        for (let x = input + c; x < end; x += pixelBytes) sum = f32x4.add(sum, v128.load(x));
        v128.store(output + c, f32x4.add(v128.load(output + c), sum));
      }
      for (let c = whole; c < pixelBytes; c += 4) {
        let sum: f32 = 0;
        for (let x = input + c; x < end; x += pixelBytes) sum += load<f32>(x);
        store<f32>(output + c, load<f32>(output + c) + sum);
      }
      input = end;
    }
    for (let c: usize = 0; c < pixelBytes; c += 4) store<f32>(output + c, load<f32>(output + c) / scale);
    output += pixelBytes;
  }
}

/**
 * Moves blocks of channels into neighbouring pixels (pixel shuffle).
 *
 * @param input [batch, height, width, block, block, depth]
 * @param output [batch, height, block, width, block, depth]
 */
export function depthToSpace(
  input: usize, output: usize, batch: i32, height: i32, width: i32, depth: i32, block: i32,
): void {
  const run = block * depth;
  const runBytes = <usize>run << 2;
  const pixelBytes = <usize>block * runBytes;
  for (let row = 0; row < batch * height; row++) {
    for (let i = 0; i < block; i++) {
      let x = input + <usize>i * runBytes;
      for (let column = 0; column < width; column++) {
        copyFloats(output, x, run);
        x += pixelBytes; output += runBytes;
      }
    }
    input += <usize>width * pixelBytes;
  }
}

/**
 * Pads a tensor of rank 4 with a value.
 *
 * @param output [before0 + batch + after0, before1 + height + after1, before2 + width + after2, before3 + channels + after3]
 */
export function pad4d(
  input: usize, output: usize, batch: i32, height: i32, width: i32, channels: i32,
  before0: i32, after0: i32, before1: i32, after1: i32, before2: i32, after2: i32, before3: i32, after3: i32, value: f32,
): void {
  const outChannels = before3 + channels + after3;
  const line = (before2 + width + after2) * outChannels;
  const lineBytes = <usize>line << 2, channelBytes = <usize>channels << 2;
  for (let image = -before0; image < batch + after0; image++) {
    for (let row = -before1; row < height + after1; row++, output += lineBytes) {
      if (image < 0 || image >= batch || row < 0 || row >= height) {
        fillFloats(output, value, line);
        continue;
      }
      let to = output;
      fillFloats(to, value, before2 * outChannels);
      to += <usize>(before2 * outChannels) << 2;
      if (before3 + after3 == 0) {
        copyFloats(to, input, width * channels);
        input += <usize>width * channelBytes; to += <usize>width * channelBytes;
      } else {
        for (let x = 0; x < width; x++) {
          fillFloats(to, value, before3);
          to += <usize>before3 << 2;
          copyFloats(to, input, channels);
          input += channelBytes; to += channelBytes;
          fillFloats(to, value, after3);
          to += <usize>after3 << 2;
        }
      }
      fillFloats(to, value, after2 * outChannels);
    }
  }
}
