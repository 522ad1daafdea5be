// The demo's networks: npm packages that ship their weights. Their paths go through node_modules, since the packages do
// not export the files.
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import {fileHandler} from '../benchmarks/lib/fileHandler.mjs';
import {loadModel} from '../benchmarks/lib/loadModel.mjs';
import {COCO_CLASSES} from './coco.mjs';

export const packages = fileURLToPath(new URL('../node_modules/', import.meta.url));

export const picture = {name: '@jimp/test-utils cops.jpg', path: join(packages, '@jimp/test-utils/images/cops.jpg')};

/** CenterNet with a MobileNetV3 in front; finds the 80 kinds of objects of COCO. */
export const detector = {
  name: 'CenterNet, 512 x 512, 80 kinds of objects (graph model from @vladmandic/human)',
  size: 512,
  handler: fileHandler(join(packages, '@vladmandic/human/models/centernet.json')),
  /** Loads the model for the backend in force, from its file or from artifacts made of it. */
  load: (source = detector.handler) => loadModel('graph', source),
  input: ({pixels, width, height}) =>
    tf.tidy(() => tf.image.resizeBilinear(tf.tensor4d(pixels, [1, height, width, 3]), [512, 512])),
  run: (model, input) => read(() => model.execute(input, 'tower_0/detections')),
  /** Scores of every class and box sizes at every point: what the detections are picked from. */
  rawOutputs: (model, input) =>
    Promise.all(['tower_0/keypoints', 'tower_0/wh'].map((node) => read(() => model.execute(input, node)))),
};

/**
 * Names what a detector saw.
 *
 * @param {Float32Array} detections `[count, 6]`, best first: x1, y1, x2, y2, score, class
 * @param {number} minimum the least score that counts
 */
export function describeDetections(detections, minimum) {
  const seen = [];
  for (let i = 0; i < detections.length; i += 6) {
    seen.push({score: detections[i + 4], text: `${COCO_CLASSES[detections[i + 5]]} ${detections[i + 4].toFixed(2)}`});
  }
  const good = seen.filter(({score}) => score >= minimum);
  return good.length > 0 ? good.map(({text}) => text).join(', ') : `nothing (at best: ${seen[0].text})`;
}

const upscalerFolder = join(packages, '@upscalerjs/default-model');

/** A small residual dense network that doubles the size of a picture. */
export const upscaler = {
  name: 'Super-resolution x2, 128 x 128 to 256 x 256 (layers model from @upscalerjs/default-model)',
  picture: join(upscalerFolder, 'assets/fixture.png'),
  sample: join(upscalerFolder, 'assets/samples/2x/result.png'),
  load: () => loadModel('layers', fileHandler(join(upscalerFolder, 'models/model.json'))),
  input: ({pixels, width, height}) => tf.tensor4d(pixels, [1, height, width, 3]),
  run: (model, input) => read(() => model.predict(input)),
};

/** Runs `f`, which gives one tensor, and reads its values. */
async function read(f) {
  const output = tf.tidy(f);
  const values = await output.data();
  output.dispose();
  return values;
}
