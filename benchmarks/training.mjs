// `npm run bench:training`: steps of training of small layers models on tfjs's cpu backend and on ours, in turn.
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {Command} from 'commander';
import * as blocksparse from '../dist/index.mjs';
import {OURS, startBackend} from './lib/benchmark.mjs';
import {readCommand, runMain} from './lib/commandLine.mjs';
import {describeMachine} from './lib/machine.mjs';
import {positiveInteger} from './lib/options.mjs';
import {summarise} from './lib/statistics.mjs';

const CLASSES = 10;
const WARM_UPS = 2;
const BACKENDS = ['cpu', OURS];

const conv = (filters, kernelSize, strides = 1) =>
  tfl.layers.conv2d({filters, kernelSize, strides, padding: 'same', activation: 'relu', ...seeded('kernel', filters)});
const separable = (filters, strides) => [
  tfl.layers.depthwiseConv2d({kernelSize: 3, strides, padding: 'same', ...seeded('depthwise', filters)}),
  tfl.layers.batchNormalization(),
  tfl.layers.reLU({maxValue: 6}),
  tfl.layers.conv2d({filters, kernelSize: 1, ...seeded('kernel', filters)}),
  tfl.layers.batchNormalization(),
  tfl.layers.reLU({maxValue: 6}),
];

const MODELS = {
  convolutional: (size) => [
    input(size),
    conv(16, 3, 2),
    conv(32, 3),
    tfl.layers.maxPooling2d({poolSize: 2}),
    conv(64, 3),
  ],
  'depthwise-separable': (size) => [
    input(size),
    conv(16, 3, 2),
    ...separable(32, 1),
    ...separable(64, 2),
    ...separable(64, 1),
  ],
};

await runMain('bench:training', async () => {
  const options = readCommand(
    new Command('npm run bench:training --')
      .description('Times steps of training on the cpu backend and on ours, in turn.')
      .option('--threads <number>', 'threads of our kernels', positiveInteger, 1)
      .option('--steps <number>', 'timed steps of each', positiveInteger, 5)
      .option('--batch <number>', 'images a step', positiveInteger, 16)
      .option('--size <number>', 'height and width of the images', positiveInteger, 16)
      .option('--json', 'end with a JSON object on stdout instead of a table', false),
    process.argv.slice(2),
  );
  if (options === null) return;
  const variant = await startBackend(options.threads, {tf, blocksparse});
  const results = [];
  for (const name of Object.keys(MODELS)) results.push({model: name, ...(await measure(name, options))});
  const {threads, batch, size} = options;
  const machine = {...describeMachine(), tfjs: tf.version_core, variant};
  if (options.json) return void process.stdout.write(`${JSON.stringify({machine, threads, batch, size, results})}\n`);
  const lines = results.map(({model, times, ratio}) => {
    const cells = BACKENDS.map((backend) => {
      const {minMs, medianMs} = times[backend];
      return `${backend} ${minMs.toFixed(1)} (median ${medianMs.toFixed(1)})`;
    });
    return `${model}: ${cells.join(', ')} ms a step; ${ratio.min.toFixed(1)}x (median ${ratio.median.toFixed(1)}x)`;
  });
  process.stdout.write(`${lines.join('\n')}\n`);
});

/** Steps on both backends, each with a model and images of its own there, beginning with the same weights. */
async function measure(name, {steps, batch, size}) {
  const runs = [];
  for (const backend of BACKENDS) {
    await tf.setBackend(backend);
    const model = tfl.sequential({
      layers: [
        ...MODELS[name](size),
        tfl.layers.globalAveragePooling2d({}),
        tfl.layers.dense({units: CLASSES, activation: 'softmax', ...seeded('kernel', CLASSES)}),
      ],
    });
    model.compile({optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy'});
    const x = tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', 1);
    const y = tf.oneHot(
      tf.tensor1d(
        Array.from({length: batch}, (_, i) => i % CLASSES),
        'int32',
      ),
      CLASSES,
    );
    runs.push({backend, model, x, y, times: [], loss: 0});
  }
  for (let i = -WARM_UPS; i < steps; i++) {
    process.stderr.write(`${name}: step ${i + 1} of ${steps}\n`);
    for (const run of runs) {
      await tf.setBackend(run.backend);
      const start = performance.now();
      run.loss = await run.model.trainOnBatch(run.x, run.y);
      if (i >= 0) run.times.push(performance.now() - start);
    }
  }
  const times = Object.fromEntries(runs.map((run) => [run.backend, summarise(run.times)]));
  const ratio = {min: times.cpu.minMs / times[OURS].minMs, median: times.cpu.medianMs / times[OURS].medianMs};
  const losses = Object.fromEntries(runs.map((run) => [run.backend, run.loss]));
  return {times, ratio, losses};
}

function input(size) {
  return tfl.layers.inputLayer({inputShape: [size, size, 3]});
}

function seeded(weight, seed) {
  return {[`${weight}Initializer`]: tfl.initializers.heNormal({seed})};
}
