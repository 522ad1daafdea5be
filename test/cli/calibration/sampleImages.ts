// Images and arrays on disk for the tests of calibration.
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import jpeg from 'jpeg-js';
import {PNG} from 'pngjs';
import type {Pixels} from '../../../src/cli/calibration/resizeImage';

/** A new folder for each test of a file; it is gone after the test. */
export function withFolder(use: (folder: string) => void): void {
  let folder: string;
  beforeEach(() => use((folder = mkdtempSync(path.join(tmpdir(), 'samples-')))));
  afterEach(() => rmSync(folder, {recursive: true, force: true}));
}

/** A coloured picture of waves, and of edges, which ring where a filter is wrong. */
export function picture(width: number, height: number, phase = 0): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    const wave = 128 + 90 * Math.sin(phase + x / (3 + c)) * Math.cos(y / 7);
    data[i] = (x >> 4) % 2 === (y >> 4) % 2 ? wave : 255 - wave;
  }
  return {width, height, channels: 3, data};
}

function rgbaOf({data, channels}: Pixels): Uint8Array {
  const rgba = new Uint8Array((data.length / channels) * 4).fill(255);
  data.forEach((value, i) => (rgba[4 * Math.floor(i / channels) + (i % channels)] = value));
  return rgba;
}

export function writeJpeg(file: string, image: Pixels, quality = 95): void {
  const {width, height} = image;
  writeFileSync(file, jpeg.encode({width, height, data: rgbaOf(image)}, quality).data);
}

/** Of 3 or 4 channels. */
export function writePng(file: string, image: Pixels): void {
  const png = new PNG({width: image.width, height: image.height});
  png.data.set(rgbaOf(image));
  writeFileSync(file, PNG.sync.write(png));
}

/** A .npy file as numpy.save writes it. */
export function writeNpy(
  file: string,
  values: Float32Array | Int32Array | Uint8Array,
  shape: readonly number[],
  {descr, order = 'False', version = 1}: {descr?: string; order?: string; version?: 1 | 2} = {},
): void {
  const type = descr ?? (values instanceof Float32Array ? '<f4' : values instanceof Int32Array ? '<i4' : '|u1');
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const start = version === 1 ? 10 : 12;
  const text = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${sizes}), }`;
  const header = `${text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1)}\n`;
  const prefix = Buffer.alloc(start);
  prefix.write('\x93NUMPY', 'latin1');
  prefix[6] = version;
  if (version === 1) prefix.writeUInt16LE(header.length, 8);
  else prefix.writeUInt32LE(header.length, 8);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  writeFileSync(file, Buffer.concat([prefix, Buffer.from(header, 'latin1'), bytes]));
}
