// Samples to repair the detector with: parts of pictures that npm packages ship, mirrored, lighter and darker.
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {readJpeg, readPng} from './images.mjs';
import {packages} from './models.mjs';
import {randomNumbers} from './random.mjs';

const BATCH = 4;

export const PICTURES = [
  '@jimp/test-utils/images/fillbytes.jpg',
  '@vladmandic/human/assets/samples.jpg',
  '@jimp/test-utils/images/panoramic.jpg',
  '@vladmandic/human/assets/screenshot-facedetect.jpg',
  '@upscalerjs/default-model/assets/fixture.png',
  '@vladmandic/human/assets/screenshot-facematch.jpg',
  '@jimp/test-utils/images/hands.jpg',
  '@jimp/test-utils/images/dice.png',
  '@vladmandic/human/assets/screenshot-vrm.jpg',
];

/**
 * Draws samples, the same ones each time.
 *
 * @param {number} count
 * @param {number} size height and width
 * @returns {{batches: () => Iterable<tf.Tensor4D>}} `batches` gives all of them anew, float32, 0 to 255
 */
export function drawSamples(count, size) {
  const random = randomNumbers(1);
  const images = PICTURES.map((name) => (name.endsWith('.png') ? readPng : readJpeg)(join(packages, name)));
  const samples = Array.from({length: count}, (_, i) => drawPart(images[i % images.length], size, random));
  return {
    *batches() {
      for (let start = 0; start < count; start += BATCH) {
        const batch = samples.slice(start, start + BATCH);
        const values = new Float32Array(batch.length * size * size * 3);
        batch.forEach((sample, i) => values.set(sample, i * sample.length));
        yield tf.tensor4d(values, [batch.length, size, size, 3]);
      }
    },
  };
}

/** A part of random place, size and proportions, in bytes. */
function drawPart({pixels, width, height}, size, random) {
  const between = (low, high) => low + (high - low) * random();
  const side = Math.min(width, height) * between(0.4, 1);
  const proportions = Math.exp(between(-0.3, 0.3));
  const [w, h] = [Math.min(width, side * proportions), Math.min(height, side / proportions)];
  const [left, top] = [between(0, width - w), between(0, height - h)];
  const mirrored = random() < 0.5;
  const gain = between(0.6, 1.3);

  const columns = Array.from({length: size}, (_, x) => {
    const at = (mirrored ? size - 0.5 - x : x + 0.5) / size;
    return neighbours(left + at * w - 0.5, width);
  });
  const part = new Uint8ClampedArray(size * size * 3);
  for (let y = 0, i = 0; y < size; y++) {
    const row = neighbours(top + ((y + 0.5) / size) * h - 0.5, height);
    for (const column of columns) {
      for (let c = 0; c < 3; c++) {
        const value = (v, u) => pixels[(v * width + u) * 3 + c];
        const above = value(row.low, column.low) * (1 - column.share) + value(row.low, column.high) * column.share;
        const below = value(row.high, column.low) * (1 - column.share) + value(row.high, column.high) * column.share;
        part[i++] = gain * (above * (1 - row.share) + below * row.share);
      }
    }
  }
  return part;
}

/** The pixels on both sides of a place, and the second one's share of its value. */
function neighbours(place, count) {
  const inside = Math.min(Math.max(place, 0), count - 1);
  const low = Math.floor(inside);
  return {low, high: Math.min(low + 1, count - 1), share: inside - low};
}
