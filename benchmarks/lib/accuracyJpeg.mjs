// JPEG images as libjpeg decodes them. jpeg-js alone rounds colours down and repeats each chroma sample, which costs a
// MobileNetV1 one point of top-1 beside images that Pillow or a browser has read.
import jpeg from 'jpeg-js';

const ADOBE = 0xee;
const SCAN = 0xda;
/** Start of frame: all of 0xc0 to 0xcf but Huffman tables, reserved, arithmetic coding. */
const isFrame = (marker) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/**
 * Decodes a JPEG. Where chroma has half the resolution it is interpolated, three quarters of the nearer sample and one of
 * the other ("fancy upsampling").
 *
 * @param {Uint8Array} bytes
 * @returns {{width: number, height: number, data: Uint8Array}} data `[height, width, 3]`, red first
 * @throws Error for what is no JPEG
 */
export function decodeJpeg(bytes) {
  const ratios = chromaRatios(bytes);
  const options = {useTArray: true, formatAsRGBA: false};
  if (ratios === null) return jpeg.decode(bytes, options);
  const {width, height, data} = jpeg.decode(bytes, {...options, colorTransform: false});
  const [blue, red] = [1, 2].map((channel) => chromaPlane(data, channel, width, height, ratios));
  for (let i = 0, o = 0; o < data.length; i++, o += 3) {
    const y = data[o];
    const [cb, cr] = [blue[i] - 128, red[i] - 128];
    data[o] = toByte(y + 1.402 * cr);
    data[o + 1] = toByte(y - 0.344136 * cb - 0.714136 * cr);
    data[o + 2] = toByte(y + 1.772 * cb);
  }
  return {width, height, data};
}

/**
 * How many pixels share a chroma sample, along x and y; null where the image has other components than luma and two of
 * chroma, or says by a marker of Adobe's which colours they are.
 */
function chromaRatios(bytes) {
  let ratios = null;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== SCAN;) {
    const marker = bytes[at + 1];
    if (marker === ADOBE) return null;
    // Length, precision, height, width, number of components; of each an id, its sampling factors, a table.
    if (isFrame(marker) && bytes[at + 9] === 3) {
      const [luma, blue, red] = [11, 14, 17].map((offset) => bytes[at + offset]);
      if (blue === red) ratios = [(luma >> 4) / (blue >> 4), (luma & 15) / (blue & 15)];
    }
    at += 2 + 256 * bytes[at + 2] + bytes[at + 3];
  }
  return ratios;
}

/** A channel of repeated samples, interpolated along the axes on which two pixels share one. */
function chromaPlane(data, channel, width, height, [alongX, alongY]) {
  const plane = new Float32Array(width * height);
  for (let i = 0; i < plane.length; i++) plane[i] = data[3 * i + channel];
  if (alongY === 2) interpolate(plane, {lines: width, lineStep: 1, length: height, step: width});
  if (alongX === 2) interpolate(plane, {lines: height, lineStep: width, length: width, step: 1});
  return plane.map(Math.round);
}

function interpolate(plane, {lines, lineStep, length, step}) {
  const samples = new Float32Array(Math.ceil(length / 2));
  const last = samples.length - 1;
  for (let line = 0; line < lines; line++) {
    const start = line * lineStep;
    for (let s = 0; s <= last; s++) samples[s] = plane[start + 2 * s * step];
    for (let i = 0; i < length; i++) {
      const near = i >> 1;
      const other = Math.min(last, Math.max(0, near + (i % 2 === 0 ? -1 : 1)));
      plane[start + i * step] = 0.75 * samples[near] + 0.25 * samples[other];
    }
  }
}

function toByte(value) {
  return Math.min(255, Math.max(0, Math.round(value)));
}
