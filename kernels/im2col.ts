import {copyFloats, fillFloats} from './copy';
import {Task} from './convTask';

/**
 * Writes the im2col rows of `pixels` output pixels from `first` on: for each its kh x kw taps times inChannels, taps
 * outermost, zeros where a tap lies outside the image.
 */
export function im2col(task: usize, first: i32, pixels: i32, rows: usize): void {
  const input = <usize>load<i32>(task, Task.input << 2);
  const inHeight = load<i32>(task, Task.inHeight << 2), inWidth = load<i32>(task, Task.inWidth << 2);
  const channels = load<i32>(task, Task.inChannels << 2);
  const outHeight = load<i32>(task, Task.outHeight << 2), outWidth = load<i32>(task, Task.outWidth << 2);
  const kernelHeight = load<i32>(task, Task.kernelHeight << 2), kernelWidth = load<i32>(task, Task.kernelWidth << 2);
  const strideHeight = load<i32>(task, Task.strideHeight << 2), strideWidth = load<i32>(task, Task.strideWidth << 2);
  const dilationHeight = load<i32>(task, Task.dilationHeight << 2);
  const dilationWidth = load<i32>(task, Task.dilationWidth << 2);
  const padTop = load<i32>(task, Task.padTop << 2), padLeft = load<i32>(task, Task.padLeft << 2);
  const line = kernelWidth * channels;
  let x = first % outWidth;
  let y = first / outWidth % outHeight;
  let image = first / outWidth / outHeight;
  let to = rows;
  for (let i = 0; i < pixels; i++) {
    const left = x * strideWidth - padLeft;
    let row = y * strideHeight - padTop;
    const inside = dilationWidth == 1 && left >= 0 && left + kernelWidth <= inWidth;
    for (let ky = 0; ky < kernelHeight; ky++, row += dilationHeight) {
      if (row < 0 || row >= inHeight) {
        fillFloats(to, 0, line);
        to += <usize>line << 2;
        continue;
      }
      const source = input + (<usize>((image * inHeight + row) * inWidth) * <usize>channels << 2);
      if (inside) {
        copyFloats(to, source + (<usize>(left * channels) << 2), line);
        to += <usize>line << 2;
        continue;
      }
      let column = left;
      for (let kx = 0; kx < kernelWidth; kx++, column += dilationWidth) {
        if (column < 0 || column >= inWidth) fillFloats(to, 0, channels);
        else copyFloats(to, source + (<usize>(column * channels) << 2), channels);
        to += <usize>channels << 2;
      }
    }
    if (++x == outWidth) {
      x = 0;
      if (++y == outHeight) {
        y = 0;
        image++;
      }
    }
  }
}
