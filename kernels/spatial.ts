// What networks do to whole pixels between their convolutions.
import {copyFloats, fillFloats} from './copy';
import {DepthToSpaceTask, MeanTask, PadTask} from './task';

/** Pixels whose sum is formed before it is added to the total: rounding errors grow with the parts, not with the whole. */
const PART: i32 = 64;

/** Channels of an item of `meanPixels`: a cache line. */
const GROUP: i32 = 16;

/** The mean over the pixels of each image (global average pooling), or their sum: see `MeanTask`. */
export function meanPixels(task: usize, begin: i32, end: i32): void {
  const pixels = load<i32>(task, MeanTask.pixels << 2);
  const channels = load<i32>(task, MeanTask.channels << 2);
  const input = <usize>load<i32>(task, MeanTask.input << 2), output = <usize>load<i32>(task, MeanTask.output << 2);
  const groups = (channels + GROUP - 1) / GROUP;
  while (begin < end) {
    const image = begin / groups, first = image * groups;
    const last = min(end, first + groups);
    const from = (begin - first) * GROUP, to = min(channels, (last - first) * GROUP);
    const x = input + (<usize>(image * pixels * channels + from) << 2);
    meanOfChannels(x, output + (<usize>(image * channels + from) << 2), to - from, pixels, <usize>channels << 2, load<f32>(task, MeanTask.divisorBits << 2));
    begin = last;
  }
}

function meanOfChannels(input: usize, output: usize, channels: i32, pixels: i32, pixelBytes: usize, divisor: f32): void {
  const bytes = <usize>channels << 2;
  const whole = <usize>(channels & ~3) << 2;
  memory.fill(output, 0, bytes);
  for (let first = 0; first < pixels; first += PART) {
    const end = input + <usize>min(PART, pixels - first) * pixelBytes;
    for (let c: usize = 0; c < whole; c += 16) {
      let sum = f32x4.splat(0);
      for (let x = input + c; x < end; x += pixelBytes) sum = f32x4.add(sum, v128.load(x));
      v128.store(output + c, f32x4.add(v128.load(output + c), sum));
    }
    for (let c = whole; c < bytes; c += 4) {
      let sum: f32 = 0;
      for (let x = input + c; x < end; x += pixelBytes) sum += load<f32>(x);
      store<f32>(output + c, load<f32>(output + c) + sum);
    }
    input = end;
  }
  for (let c: usize = 0; c < bytes; c += 4) store<f32>(output + c, load<f32>(output + c) / divisor);
}

/** Moves blocks of channels into neighbouring pixels (pixel shuffle): see `DepthToSpaceTask`. */
export function depthToSpace(task: usize, begin: i32, end: i32): void {
  const width = load<i32>(task, DepthToSpaceTask.width << 2);
  const blockHeight = load<i32>(task, DepthToSpaceTask.blockHeight << 2);
  const run = load<i32>(task, DepthToSpaceTask.run << 2);
  const runBytes = <usize>run << 2;
  const pixelBytes = <usize>blockHeight * runBytes, lineBytes = <usize>width * runBytes;
  const input = <usize>load<i32>(task, DepthToSpaceTask.input << 2);
  let to = <usize>load<i32>(task, DepthToSpaceTask.output << 2) + <usize>begin * lineBytes;
  for (let row = begin; row < end; row++) {
    let x = input + <usize>(row / blockHeight * width) * pixelBytes + <usize>(row % blockHeight) * runBytes;
    for (let column = 0; column < width; column++) {
      copyFloats(to, x, run);
      x += pixelBytes; to += runBytes;
    }
  }
}

/** Pads a tensor of rank 4 with a value: see `PadTask`. */
export function pad4d(task: usize, begin: i32, end: i32): void {
  const height = load<i32>(task, PadTask.height << 2), width = load<i32>(task, PadTask.width << 2);
  const channels = load<i32>(task, PadTask.channels << 2), batch = load<i32>(task, PadTask.batch << 2);
  const before1 = load<i32>(task, PadTask.before1 << 2);
  const before2 = load<i32>(task, PadTask.before2 << 2), after2 = load<i32>(task, PadTask.after2 << 2);
  const before3 = load<i32>(task, PadTask.before3 << 2), after3 = load<i32>(task, PadTask.after3 << 2);
  const value = load<f32>(task, PadTask.valueBits << 2);
  const outHeight = before1 + height + load<i32>(task, PadTask.after1 << 2);
  const outChannels = before3 + channels + after3;
  const line = (before2 + width + after2) * outChannels;
  // Without padding of channels a row is one run of floats.
  const runs = before3 + after3 ? width : 1;
  const run = before3 + after3 ? channels : width * channels;
  let to = <usize>load<i32>(task, PadTask.output << 2) + (<usize>(begin * line) << 2);
  for (let item = begin; item < end; item++) {
    const image = item / outHeight - load<i32>(task, PadTask.before0 << 2), row = item % outHeight - before1;
    if (image < 0 || image >= batch || row < 0 || row >= height) {
      fillFloats(to, value, line);
      to += <usize>line << 2;
      continue;
    }
    let from = <usize>load<i32>(task, PadTask.input << 2) + (<usize>((image * height + row) * width * channels) << 2);
    let border = before2 * outChannels + before3;
    for (let x = 0; x < runs; x++) {
      fillFloats(to, value, border);
      to += <usize>border << 2;
      copyFloats(to, from, run);
      from += <usize>run << 2; to += <usize>run << 2;
      border = after3 + before3;
    }
    border = after3 + after2 * outChannels;
    fillFloats(to, value, border);
    to += <usize>border << 2;
  }
}
