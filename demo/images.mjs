// Pictures in and out. Pixels are float32 RGB, `[height, width, 3]`, 0 to 255.
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import jpeg from 'jpeg-js';
import {PNG} from 'pngjs';

/** Decodes a JPEG file. */
export function readJpeg(path) {
  const {data, width, height} = jpeg.decode(readFileSync(path), {useTArray: true});
  return {pixels: dropAlpha(data), width, height};
}

/** Decodes a PNG file. */
export function readPng(path) {
  const {data, width, height} = PNG.sync.read(readFileSync(path));
  return {pixels: dropAlpha(data), width, height};
}

/** The same pixels within 0 .. 255. */
export function clamp(pixels) {
  return pixels.map((value) => Math.min(255, Math.max(0, value)));
}

/** Writes pixels as a PNG file, clamped and rounded. */
export function writePng(path, {pixels, width, height}) {
  const png = new PNG({width, height});
  const levels = clamp(pixels);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) png.data[4 * i + c] = Math.round(levels[3 * i + c]);
    png.data[4 * i + 3] = 255;
  }
  mkdirSync(dirname(path), {recursive: true});
  writeFileSync(path, PNG.sync.write(png));
}

function dropAlpha(rgba) {
  const pixels = new Float32Array((rgba.length / 4) * 3);
  for (let i = 0; i < rgba.length / 4; i++) {
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = rgba[4 * i + c];
  }
  return pixels;
}
