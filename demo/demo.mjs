// Real networks on a real picture, on stock wasm and on ours: `npm run demo`. Every figure is measured in this run.
import {cpus} from 'node:os';
import {fileURLToPath} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import {backendInfo, configure, pruneGraphModel, pruneOnLoad} from '../dist/index.mjs';
import {clamp, readJpeg, readPng, writePng} from './images.mjs';
import {denseBytes, difference, interleave, weightBytes} from './measure.mjs';
import {describeDetections, detector, picture, upscaler} from './models.mjs';
import {heading, line, progress, speedUp, table, warning} from './print.mjs';
import {drawSamples, PICTURES} from './samples.mjs';

const N = 2;
/** Of the blocks of each layer. */
const SHARES = [0.25, 0.375];
const SAMPLES = 40;
const DETECTOR_ROUNDS = 15;
const UPSCALER_ROUNDS = 7;
const LEAST_SCORE = 0.25;
const STOCK = 'wasm';
const OURS = 'blocksparse-1xn';
let samples;
const upscaledPath = fileURLToPath(new URL('out/flower-x2.png', import.meta.url));

await tf.setBackend(OURS);
const {variant, threads, reasons} = backendInfo();
const ours = threads > 1 ? `ours, ${threads} threads` : 'ours';
line(`${OURS} (${variant}) beside stock ${STOCK}, which has one thread in Node, run by run in one process`);
line(`${cpus()[0].model}, Node ${process.versions.node}; ${reasons.join('; ')}`);
await showDetector();
await showUpscaler();

/** Objects in a picture: stock, and ours untouched, pruned as the model loads, and pruned with samples. */
async function showDetector() {
  heading(detector.name);
  const image = readJpeg(picture.path);
  const artifacts = await detector.handler.load();
  const repaired = [];
  for (const share of SHARES) repaired.push(await repair(artifacts, share));
  const engines = [
    await start(detector, image, {name: 'stock wasm', backend: STOCK}),
    await start(detector, image, {name: 'ours, one thread', backend: OURS, threads: 1}),
    await start(detector, image, {name: ours, backend: OURS}),
    await start(detector, image, {name: `${ours}, ${percent(SHARES[0])} dropped`, backend: OURS, share: SHARES[0]}),
  ];
  for (const [i, {artifacts}] of repaired.entries()) {
    const name = `${ours}, ${percent(SHARES[i])} dropped, repaired`;
    engines.push(await start(detector, image, {name, backend: OURS, source: tf.io.fromMemory(artifacts)}));
  }
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
  line(`dropped: share of the blocks of its 1x1 convolutions; repaired: from ${SAMPLES} unlabelled samples, parts of`);
  line(`${PICTURES.length} pictures in npm packages, this one not among them. On samples kept out of the fit:`);
  showRepairs(repaired.map(({report}) => report));
}

/** Prunes the detector and repairs it, on our backend. */
async function repair(artifacts, share) {
  await tf.setBackend(OURS);
  configure({threads: 'auto'});
  const what = `pruning ${percent(share)} with samples:`;
  progress(what, 'reading pictures');
  samples ??= drawSamples(SAMPLES, detector.size);
  const result = await pruneGraphModel(artifacts, {
    n: N,
    sparsity: share,
    calibration: samples.batches,
    onProgress: ({stage, done, secondsLeft}) =>
      progress(
        what,
        `${stage}, ${percent(done, 0)}${secondsLeft < Infinity ? `, ${secondsLeft.toFixed(0)} s left` : ''}`,
      ),
  });
  progress('');
  return result;
}

/** How close the outputs are to the dense model's on samples kept out of the fit, before and after the repair. */
function showRepairs(reports) {
  const number = (value) => (value === null ? '' : value.toPrecision(2));
  table(
    [
      {title: 'dropped', align: 'left'},
      {title: 'stage', align: 'left'},
      {title: 'relative error'},
      {title: 'dB'},
      {title: 's'},
    ],
    reports.flatMap(({repair: {stages, seconds}}, share) =>
      stages
        .filter(({name}) => name !== 'dense')
        .map(({name, keptOut}, i) => [
          i === 0 ? percent(SHARES[share]) : '',
          name,
          number(keptOut.relativeError),
          keptOut.decibels.toFixed(1),
          i === 0 ? seconds.toFixed(0) : '',
        ]),
    ),
  );
  line('relative error: squared error of all outputs over their variance');
  for (const text of new Set(reports.flatMap(({repair}) => repair.warnings))) warning(text);
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

/** Loads a network for a backend, from a source of its own or pruned on the way if a `share` is given. */
async function start(network, image, {name, backend, threads = 'auto', share, source}) {
  progress('loading', name);
  await tf.setBackend(backend);
  pruneOnLoad(share === undefined ? null : {n: N, sparsity: share});
  const model = await network.load(source);
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

function percent(share, digits = 1) {
  return `${Number((100 * share).toFixed(digits))}%`;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
