// Prune, then train on: `npm run demo:finetune`. A small layers model learns to tell stripes, which this script draws; half
// of its 1x4 blocks are pruned, and it trains on under masks. It trains on tfjs's cpu backend, which has gradients of
// convolutions where stock wasm has none, and runs on ours in the end.
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {getMasks, maskCallback, pruneLayersModel} from '../dist/index.mjs';
import {heading, line, progress, table} from './print.mjs';
import {randomNumbers} from './random.mjs';

const SIZE = 12;
const DIRECTIONS = [
  [1, 0],
  [0, 1],
  [1, 1],
  [1, -1],
];
const NOISE = 1.5;
const PRUNED = ['second', 'third'];

await tf.setBackend('cpu');
const random = randomNumbers(1);
const [training, test] = [drawStripes(400), drawStripes(400)];
const model = buildModel();
heading(`Stripes in ${DIRECTIONS.length} directions under noise, ${training.x.shape[0]} pictures to learn from`);
const rows = [];

await train('Training', 6);
record('trained');

const report = await pruneLayersModel(model, {
  n: 4,
  sparsity: Object.fromEntries(PRUNED.map((name) => [name, 0.5])),
});
record('half of the blocks pruned');

const masks = getMasks(model);
await train('Training on', 4, maskCallback(model, masks));
record('trained on under masks');

await tf.setBackend('blocksparse-1xn');
record('the same on blocksparse-1xn');
progress('');

table(
  [{title: 'model', align: 'left'}, {title: 'accuracy'}, {title: 'loss'}, {title: `zeros in ${PRUNED.join(' and ')}`}],
  rows.map(({step, accuracy, loss, zeros}) => [step, percent(accuracy), loss.toFixed(3), percent(zeros)]),
);
const {blocksBefore, blocksAfter} = report.totals;
line(
  `Blocks of all layers: ${blocksBefore} before, ${blocksAfter} after. The accuracy is that on ${test.x.shape[0]} other pictures.`,
);
const trained = getMasks(model);
for (const [name, mask] of Object.entries(masks)) {
  if (mask.some((bit, i) => trained[name][i] > bit)) throw new Error(`A pruned weight of ${name} is no longer zero.`);
}
line('Every weight that was pruned is **exactly zero**.');

function buildModel() {
  const initializer = () => tfl.initializers.heNormal({seed: 7});
  const conv = (name, filters, strides, more = {}) =>
    tfl.layers.conv2d({
      name,
      filters,
      strides,
      kernelSize: 3,
      activation: 'relu',
      kernelInitializer: initializer(),
      ...more,
    });
  return tfl.sequential({
    layers: [
      conv('first', 8, 1, {inputShape: [SIZE, SIZE, 1]}),
      conv('second', 16, 2),
      conv('third', 16, 1),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({units: DIRECTIONS.length, activation: 'softmax', kernelInitializer: initializer()}),
    ],
  });
}

async function train(what, epochs, masking) {
  // Anew each time: pruning has put channels into another order.
  model.compile({optimizer: tf.train.adam(0.005), loss: 'categoricalCrossentropy', metrics: ['accuracy']});
  const tell = {onEpochBegin: async (epoch) => progress(what, `epoch ${epoch + 1} of ${epochs}`)};
  const callbacks = masking ? [tell, masking] : [tell];
  // Not shuffled: the trainings that are compared see the same batches. Progress is told by `tell`.
  await model.fit(training.x, training.y, {epochs, batchSize: 20, shuffle: false, verbose: 0, callbacks});
}

function record(step) {
  const [loss, accuracy] = tf.tidy(() => model.evaluate(test.x, test.y).map((scalar) => scalar.dataSync()[0]));
  const bits = PRUNED.map((name) => getMasks(model)[`${name}/kernel`]);
  const [all, kept] = [bits, bits.map((mask) => mask.filter((bit) => bit === 1))].map((list) =>
    list.reduce((sum, {length}) => sum + length, 0),
  );
  rows.push({step, accuracy, loss, zeros: 1 - kept / all});
}

/** Pictures of stripes of random phase and width, and which way they run, one-hot. */
function drawStripes(count) {
  const values = new Float32Array(count * SIZE * SIZE);
  const classes = Int32Array.from({length: count}, () => Math.floor(random() * DIRECTIONS.length));
  for (let i = 0, at = 0; i < count; i++) {
    const [dx, dy] = DIRECTIONS[classes[i]];
    const [phase, width] = [random() * 2 * Math.PI, (1 + random()) / Math.hypot(dx, dy)];
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        values[at++] = Math.sin(phase + (x * dx + y * dy) * width) + NOISE * (2 * random() - 1);
      }
    }
  }
  return {x: tf.tensor(values, [count, SIZE, SIZE, 1]), y: tf.oneHot(tf.tensor1d(classes), DIRECTIONS.length)};
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}
