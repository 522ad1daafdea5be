// Where the input of output pixels lies. The taps of a filter row are neighbours in the image: such a run of kernelWidth x
// inChannels floats is a segment, and the segments of a pixel lie an image row apart. So a pixel whose taps are all inside
// the image is read in place, whatever the filter's size. Others are copied to patches with zeros around. All are copied, to
// one segment each (im2col), where the taps are dilated or where the kernel wants them in one run.
import {copyFloats, fillFloats} from './copy';
import {SPARE_POINTERS, Task} from './convTask';

/**
 * Notes for `pixels` output pixels from `first` on where their input begins.
 *
 * @param runs so many of them, the last ones, are laid out as one run
 * @param pointers an address for each pixel, then SPARE_POINTERS times the last one
 * @param patches room for copies: `patchBytes` in src/runtime/inputLayout.ts
 */
export function layOutPixels(task: usize, first: i32, pixels: i32, runs: i32, pointers: usize, patches: usize): void {
  const input = <usize>load<i32>(task, Task.input << 2);
  const inHeight = load<i32>(task, Task.inHeight << 2), inWidth = load<i32>(task, Task.inWidth << 2);
  const channelBytes = <usize>load<i32>(task, Task.inChannels << 2) << 2;
  if (load<i32>(task, Task.direct << 2)) {
    pixelsInARow(pointers, <i32>(input + <usize>first * channelBytes), <i32>channelBytes, pixels + SPARE_POINTERS, pixels);
    return;
  }
  const outHeight = load<i32>(task, Task.outHeight << 2), outWidth = load<i32>(task, Task.outWidth << 2);
  const kernelHeight = load<i32>(task, Task.kernelHeight << 2), kernelWidth = load<i32>(task, Task.kernelWidth << 2);
  const strideHeight = load<i32>(task, Task.strideHeight << 2), strideWidth = load<i32>(task, Task.strideWidth << 2);
  const padTop = load<i32>(task, Task.padTop << 2), padLeft = load<i32>(task, Task.padLeft << 2);
  const lineBytes = <usize>kernelWidth * channelBytes;
  // Patches lie side by side, from filter row to filter row as far apart as image rows.
  let pitch = <usize>load<i32>(task, Task.segmentPitch << 2);
  let inPlace = pitch != 0;
  if (!inPlace) pitch = lineBytes;
  const undilated = load<i32>(task, Task.dilationHeight << 2) == 1 && load<i32>(task, Task.dilationWidth << 2) == 1;
  let abreast = 0;
  let x = first % outWidth;
  let y = first / outWidth % outHeight;
  let image = first / outWidth / outHeight;
  let pixel: usize = 0;
  for (let i = 0; i < pixels; i++, pointers += 4) {
    if (i == pixels - runs && kernelHeight > 1) {
      patches += <usize>kernelHeight * pitch - <usize>abreast * lineBytes;
      pitch = lineBytes;
      inPlace = false;
      abreast = 0;
    }
    const left = x * strideWidth - padLeft, top = y * strideHeight - padTop;
    const inside = undilated && left >= 0 && top >= 0 && left + kernelWidth <= inWidth && top + kernelHeight <= inHeight;
    const source = input + <usize>((image * inHeight + top) * inWidth + left) * channelBytes;
    if (inside && inPlace) {
      pixel = source;
    } else {
      pixel = patches;
      if (inside) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          copyFloats(pixel + <usize>ky * lineBytes, source + <usize>(ky * inWidth) * channelBytes, <i32>(lineBytes >> 2));
        }
      } else {
        copyPatch(task, image, top, left, pixel, pitch);
      }
      patches += lineBytes;
      if (<usize>++abreast * lineBytes + lineBytes > pitch) {
        patches += <usize>kernelHeight * pitch - <usize>abreast * lineBytes;
        abreast = 0;
      }
    }
    store<i32>(pointers, <i32>pixel);
    if (++x == outWidth) {
      x = 0;
      if (++y == outHeight) {
        y = 0;
        image++;
      }
    }
  }
  for (let i = 0; i < SPARE_POINTERS; i++, pointers += 4) store<i32>(pointers, <i32>pixel);
}

/** `count` pointers, of pixels that lie one behind the other up to the last, which is repeated. */
export function pixelsInARow(pointers: usize, first: i32, pixelBytes: i32, count: i32, pixels: i32): void {
  const last = i32x4.splat(first + (pixels - 1) * pixelBytes), step = i32x4.splat(4 * pixelBytes);
  let four = i32x4.add(i32x4.splat(first), i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(pixelBytes)));
  for (let i = 0; i < count; i += 4, pointers += 16) {
    v128.store(pointers, i32x4.min_u(four, last));
    four = i32x4.add(four, step);
  }
}

/** Copies the taps of one pixel, filter rows `pitch` bytes apart, zeros where a tap lies outside the image. */
function copyPatch(task: usize, image: i32, top: i32, left: i32, to: usize, pitch: usize): void {
  const input = <usize>load<i32>(task, Task.input << 2);
  const inHeight = load<i32>(task, Task.inHeight << 2), inWidth = load<i32>(task, Task.inWidth << 2);
  const channels = load<i32>(task, Task.inChannels << 2);
  const kernelHeight = load<i32>(task, Task.kernelHeight << 2), kernelWidth = load<i32>(task, Task.kernelWidth << 2);
  const dilationHeight = load<i32>(task, Task.dilationHeight << 2);
  const dilationWidth = load<i32>(task, Task.dilationWidth << 2);
  let row = top;
  for (let ky = 0; ky < kernelHeight; ky++, row += dilationHeight, to += pitch) {
    if (row < 0 || row >= inHeight) {
      fillFloats(to, 0, kernelWidth * channels);
      continue;
    }
    const line = input + (<usize>((image * inHeight + row) * inWidth * channels) << 2);
    let tap = to;
    let column = left;
    for (let kx = 0; kx < kernelWidth; kx++, column += dilationWidth) {
      if (column < 0 || column >= inWidth) fillFloats(tap, 0, channels);
      else copyFloats(tap, line + (<usize>(column * channels) << 2), channels);
      tap += <usize>channels << 2;
    }
  }
}
