/** JPEG and PNG files as pixels. */
import jpeg from 'jpeg-js';
import {PNG} from 'pngjs';
import {messageOf, UserError} from '../errors';
import type {Pixels} from './resizeImage';

const LARGEST = {maxResolutionInMP: 400, maxMemoryUsageInMB: 4096};

/** Channels that images can be given: grey; red, green, blue; these and opacity. */
export const IMAGE_CHANNELS: readonly number[] = [1, 3, 4];

/**
 * Decodes an image: what it is tell its bytes, not its name. Where opacity is not asked for, it is left out, and colours
 * stay as they are beneath it. Grey is the luma of ITU-R BT.601.
 *
 * @param channels one of `IMAGE_CHANNELS`
 * @throws UserError that names the file
 */
export function decodeImage(file: string, bytes: Uint8Array, channels: number): Pixels {
  const {width, height, data} = decode(file, bytes);
  const pixels = new Uint8Array(width * height * channels);
  for (let i = 0, from = 0; from < data.length; from += 4) {
    if (channels === 1) {
      pixels[i++] = Math.round(0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2]);
    } else {
      for (let c = 0; c < channels; c++) pixels[i++] = data[from + c];
    }
  }
  return {width, height, channels, data: pixels};
}

function decode(file: string, bytes: Uint8Array): {width: number; height: number; data: Uint8Array} {
  const start = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  try {
    if (start === '\x89PNG') return PNG.sync.read(bytes);
    if (start.startsWith('\xff\xd8')) return jpeg.decode(bytes, {useTArray: true, tolerantDecoding: false, ...LARGEST});
  } catch (error) {
    throw new UserError(`${file} cannot be decoded: ${messageOf(error)}`, {cause: error});
  }
  throw new UserError(`${file} is neither a JPEG nor a PNG image`);
}
