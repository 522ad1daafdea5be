// Real networks on a real picture, on stock wasm and on ours: `npm run demo`. Every figure is measured in this run.
import {cpus} from 'node:os';
import {fileURLToPath} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import {backendInfo, configure, pruneOnLoad} from '../dist/index.mjs';
import {clamp, readJpeg, readPng, writePng} from './images.mjs';
import {denseBytes, difference, interleave, weightBytes} from './measure.mjs';
import {describeDetections, detector, picture, upscaler} from './models.mjs';
import {heading, line, progress, speedUp, table, warning} from './print.mjs';

const N = 4;
const DETECTOR_ROUNDS = 15;
const UPSCALER_ROUNDS = 7;
const LEAST_SCORE = 0.25;
const STOCK = 'wasm';
const OURS = 'blocksparse-1xn';
const upscaledPath = fileURLToPath(new URL('out/flower-x2.png', import.meta.url));

await tf.setBackend(OURS);
const {variant, threads, reasons} = backendInfo();
const ours = threads > 1 ? `ours, ${threads} threads` : 'ours';
line(`${OURS} (${variant}) beside stock ${STOCK}, which has one thread in Node, run by run in one process`);
line(`${cpus()[0].model}, Node ${process.versions.node}; ${reasons.join('; ')}`);
await showDetector();
await showUpscaler();

/** Objects in a picture: stock, and ours untouched and with 25% and 50% of its blocks pruned as the model loads. */
async function showDetector() {
  heading(detector.name);
  const image = readJpeg(picture.path);
  const engines = [
    await start(detector, image, {name: 'stock wasm', backend: STOCK}),
    await start(detector, image, {name: 'ours, one thread', backend: OURS, threads: 1}),
    await start(detector, image, {name: ours, backend: OURS}),
    await start(detector, image, {name: `${ours}, 25% pruned`, backend: OURS, sparsity: 0.25}),
    await start(detector, image, {name: `${ours}, 50% pruned`, backend: OURS, sparsity: 0.5}),
  ];
  const results = await measure(engines, DETECTOR_ROUNDS);
  const raw = await rawOutputs(engines);

  line(`What they see in ${picture.name} (classes with a score of ${LEAST_SCORE} or more), one image at a time:`);
  table(
    [
      {title: 'engine', align: 'left'},
      {title: 'ms, min'},
      {title: 'median'},
      {title: 'speed-up'},
      {title: 'difference'},
      {title: 'weights'},
      {title: 'sees', align: 'left', wraps: true},
    ],
    results.map(({minMs, medianMs, output}, i) => [
      engines[i].name,
      minMs.toFixed(1),
      medianMs.toFixed(1),
      i === 0 ? '' : speedUp(results[0].minMs / minMs),
      i === 0 ? '' : largestShare(raw[0], raw[i]),
      megabytes(engines[i].backend === OURS ? weightBytes(engines[i].model, N) : denseBytes(engines[i].model)),
      describeDetections(output, LEAST_SCORE),
    ]),
  );
  line('difference: largest of any class score or box size to stock, as a share of their range');
  line(
    `weights: float32; ours without the blocks of 1x${N} that are all zero, but with an index of those that are kept`,
  );
  warning(
    'The pruned answers are one-shot: blocks are dropped as the model loads and nothing repairs what they leave.',
  );
  warning('They degrade, as the table shows, until repair from a few calibration images comes in a later version.');
}

/** A picture made larger, by a layers model that nobody touched. */
async function showUpscaler() {
  heading(upscaler.name);
  const image = readPng(upscaler.picture);
  const engines = [
    await start(upscaler, image, {name: 'stock wasm', backend: STOCK}),
    await start(upscaler, image, {name: 'ours, one thread', backend: OURS, threads: 1}),
    await start(upscaler, image, {name: ours, backend: OURS}),
  ];
  const results = await measure(engines, UPSCALER_ROUNDS);
  const output = results.at(-1).output;
  table(
    [{title: 'engine', align: 'left'}, {title: 'ms, min'}, {title: 'median'}, {title: 'speed-up'}],
    results.map(({minMs, medianMs}, i) => [
      engines[i].name,
      minMs.toFixed(1),
      medianMs.toFixed(1),
      i === 0 ? '' : speedUp(results[0].minMs / minMs),
    ]),
  );
  const sample = readPng(upscaler.sample);
  const toStock = difference(results[0].output, output);
  const toSample = difference(sample.pixels, clamp(output));
  line(`largest difference to stock, in grey levels of 255: ${scientific(toStock.largest)}`);
  line(`largest difference to the package's own result, whose PNG is rounded: ${toSample.largest.toFixed(2)}`);
  writePng(upscaledPath, {pixels: output, width: sample.width, height: sample.height});
  line(`written: **${upscaledPath}**`);
}

/** Loads a network for a backend, pruned on the way if `sparsity` is given. */
async function start(network, image, {name, backend, threads = 'auto', sparsity}) {
  progress('loading', name);
  await tf.setBackend(backend);
  pruneOnLoad(sparsity === undefined ? null : {n: N, sparsity});
  const model = await network.load();
  pruneOnLoad(null);
  const input = network.input(image);
  return {
    name,
    backend,
    network,
    model,
    input,
    activate: async () => {
      await tf.setBackend(backend);
      if (backend === OURS) configure({threads});
    },
    run: () => network.run(model, input),
  };
}

async function measure(engines, rounds) {
  const results = await interleave(engines, rounds, (round) =>
    progress(
      `measuring: ${engines.length} engines in turn, ${rounds} rounds`,
      round === 0 ? '(warming up)' : `(${round})`,
    ),
  );
  progress('');
  return results;
}

async function rawOutputs(engines) {
  const outputs = [];
  for (const {activate, network, model, input} of engines) {
    await activate();
    outputs.push(await network.rawOutputs(model, input));
  }
  return outputs;
}

/** The largest difference over several outputs, each as a share of its own range. */
function largestShare(expected, actual) {
  const shares = expected.map((values, i) => {
    const {largest, range} = difference(values, actual[i]);
    return largest / range;
  });
  return scientific(Math.max(...shares));
}

function scientific(value) {
  return value === 0 ? 'none' : value.toExponential(1);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
