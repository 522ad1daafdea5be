// One run of the accuracy benchmark, in this process: prune, compare, time.
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {decodeImage, inputValues} from './accuracyImages.mjs';
import {pruneOptions} from './accuracyOptions.mjs';
import {scoreAnswers} from './accuracyScores.mjs';
import {OURS, startBackend, STOCK} from './benchmark.mjs';
import {executor, tfjsEngine} from './engine.mjs';
import {fileHandler} from './fileHandler.mjs';
import {planInputs} from './inputs.mjs';
import {surveyOps} from './kernelTrace.mjs';
import {loadModel} from './loadModel.mjs';
import {describeMachine} from './machine.mjs';
import {measureInterleaved} from './measure.mjs';
import {opWork} from './roofline.mjs';
import {UserError} from './userError.mjs';

/** Images between two lines of progress. */
const STEP = 50;

/**
 * @typedef {object} AccuracyReport
 * @property {{top1: number | null, top5: number | null, n: number}} dense percent of n images
 * @property {{top1: number | null, top5: number | null, agreement: number | null, kl: number | null,
 *     relativeError: number, decibels: number | null}} pruned see `scoreAnswers`
 * @property {{macs: number | null, weights: number | null}} kept shares of what the layers had that a
 *     budget may take from, or that were chosen
 * @property {{macs: number | null, weights: number}} keptOfAll shares of what the whole network has
 * @property {number} seconds that pruning and repair took
 * @property {number} peakBytes resident memory of the process at most, from its start to the end of pruning
 * @property {{measured: number, stock: number, denseMs: number, prunedMs: number, stockMs: number, threads: number,
 *     runs: number} | null} speedup smallest times, dense, pruned and stock's dense in turn
 * @property {import('../../src/index').RepairReport | null} repair
 * @property {object} about model, options, machine, date
 */

/**
 * @param {object} job
 * @param {import('./models.mjs').ModelFiles} job.model
 * @param {import('./accuracyImages.mjs').LabelledImage[]} job.images
 * @param {import('./accuracyImages.mjs').LabelledImage[] | null} job.calibration
 * @param {import('./accuracyOptions.mjs').AccuracyOptions} job.options
 * @param {(line: string) => void} onProgress
 * @returns {Promise<AccuracyReport>}
 * @throws {UserError} for what the user can put right
 */
export async function runAccuracy({model, images, calibration, options}, onProgress) {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const variant = await startBackend(options.threads, {tf, blocksparse});
  const file = fileHandler(path.join(model.folder, model.file));
  const source = {dense: file, pruned: null};
  const dense = await loadModel(model.format, file);
  const input = imageInput(dense, model.format, options.size);
  const whole = await countWork(dense, model.format, file, input);

  // First, so that the peak of memory is that of pruning.
  const samples = options.repair === 'none' ? null : decodeAll(calibration, input, onProgress);
  const start = performance.now();
  const {artifacts, report} = await prune(model.format, file, samples, input, options, onProgress);
  const seconds = (performance.now() - start) / 1000;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  onProgress(`pruned in ${seconds.toFixed(1)} s`);
  source.pruned = {load: async () => artifacts};

  const pruned = await loadModel(model.format, source.pruned);
  const scores = await scoreAnswers(answers([dense, pruned], model.format, images, input, options, onProgress));
  dense.dispose();
  pruned.dispose();
  return {
    ...scores,
    ...keptShares(report, whole),
    seconds,
    peakBytes,
    speedup: options.runs > 0 ? await measureSpeed(model.format, source, options, onProgress) : null,
    repair: report.repair,
    about: {
      date: new Date().toISOString().slice(0, 10),
      model: model.name,
      options,
      samples: samples?.length ?? 0,
      machine: {...describeMachine(), node: process.versions.node, tfjs: tf.version_core, variant},
    },
  };
}

/** @returns {{name: string, dtype: 'float32' | 'int32', height: number, width: number, channels: 1 | 3}} */
function imageInput(model, format, size) {
  const [plan, ...others] = planInputs(model, {format, size});
  const [, height, width, channels] = plan?.shape ?? [];
  if (others.length > 0 || plan.shape.length !== 4 || ![1, 3].includes(channels)) {
    const inputs = [plan, ...others].map(({name, shape}) => `${name} [${shape}]`).join(', ');
    throw new UserError(`the model takes ${inputs}: one input of images [1, height, width, 3 or 1] expected`);
  }
  return {name: plan.name, dtype: plan.dtype, height, width, channels};
}

function decodeAll(images, {height, width}, onProgress) {
  return images.map(({file}, i) => {
    if (i % (4 * STEP) === 0) onProgress(`reading calibration image ${i + 1} of ${images.length}`);
    return decodeImage(file, [height, width]);
  });
}

/** A decoded image as the model is fed it. */
function imageTensor(pixels, {height, width, channels, dtype}, {mean, std}) {
  const values = inputValues(pixels, {mean, std, channels, dtype});
  return tf.tensor(values, [1, height, width, channels], dtype);
}

/** The pruned model's artifacts and the report. Layers models change in place: a copy of its own is pruned. */
async function prune(format, file, samples, input, options, onProgress) {
  function* calibration() {
    for (const pixels of samples) yield imageTensor(pixels, input, options);
  }
  const all = {
    ...pruneOptions(options),
    ...(samples && {calibration, samples: samples.length, onProgress: progressLines(onProgress)}),
  };
  try {
    if (format === 'graph') return await blocksparse.pruneGraphModel(await file.load(), all);
    const model = await loadModel(format, file);
    const report = await blocksparse.pruneLayersModel(model, all);
    let artifacts;
    await model.save(tf.io.withSaveHandler(async (saved) => ((artifacts = saved), {modelArtifactsInfo: {}})));
    model.dispose();
    return {artifacts, report};
  } catch (error) {
    if (/prune option/i.test(error?.message)) throw new UserError(error.message);
    throw error;
  }
}

/** A line where the stage or the tenth of what is done changes. */
function progressLines(onProgress) {
  let last = '';
  return ({stage, done, secondsLeft}) => {
    const key = `${stage} ${Math.floor(10 * done)}`;
    if (key === last) return;
    last = key;
    const left = Number.isFinite(secondsLeft) ? `, ${Math.ceil(secondsLeft)} s left` : '';
    onProgress(`${stage}: ${Math.floor(100 * done)}%${left}`);
  };
}

/** Both models' answers to every image. */
async function* answers(models, format, images, input, options, onProgress) {
  const [dense, pruned] = models.map((model) => outputsOf(model, format, options));
  for (const [i, {file, label}] of images.entries()) {
    if (i % STEP === 0) onProgress(`image ${i + 1} of ${images.length}`);
    const image = imageTensor(decodeImage(file, [input.height, input.width]), input, options);
    const feeds = {[input.name]: image};
    yield {dense: await dense(feeds), pruned: await pruned(feeds), label};
    image.dispose();
  }
}

/** Runs a model until its outputs can be read, and leaves no tensors behind. */
function outputsOf(model, format, {outputs}) {
  if (format === 'layers') blocksparse.planLayersModel(model);
  if (outputs && format === 'layers')
    throw new UserError('--outputs names nodes of graph models, and this is a layers model');
  const execute = executor(model, outputs ?? undefined);
  const names = outputs ?? model.outputs.map(({name}) => name);
  return async (inputs) => {
    const result = await execute(inputs);
    const tensors = Array.isArray(result) ? result : [result];
    const read = await Promise.all(
      tensors.map(async (tensor, i) => ({name: names[i], shape: tensor.shape, data: await tensor.data()})),
    );
    tf.dispose(tensors);
    return read;
  };
}

/** Multiply-adds of one inference, depthwise ones included, and weights. */
async function countWork(model, format, file, {name, dtype, height, width, channels}) {
  const image = tf.zeros([1, height, width, channels], dtype);
  const execute = executor(model);
  const infer = async () => tf.dispose(await execute({[name]: image}));
  const ops = await surveyOps({tf, backendName: OURS, executor: model.executor}, infer);
  image.dispose();
  const flops = ops.map((op) => opWork({...op, weights: null}).flops ?? 0);
  const {weightSpecs} = await file.load();
  const sizes = weightSpecs.filter(({dtype}) => dtype === 'float32').map(({shape}) => tf.util.sizeFromShape(shape));
  return {macs: sum(flops) / 2, weights: sum(sizes)};
}

/**
 * Shares that are left of the layers that a budget may take from, or without a budget of the layers chosen, and of the whole
 * network. Of multiply-adds `null` where the graph does not tell the pixels of a pruned layer.
 */
export function keptShares({layers, totals}, whole) {
  const pruned = layers.filter(({leftAlone}) => leftAlone === null);
  const known = pruned.every(({macsBefore}) => macsBefore !== null);
  const sumOf = (key) => sum(pruned.map((layer) => layer[key]));
  const shares = (kind) => {
    const [before, after] = [`${kind}Before`, `${kind}After`];
    const gone = sumOf(before) - sumOf(after);
    const all = totals.budget ? totals.budget[before] : sumOf(before);
    return [all > 0 ? (all - gone) / all : 1, 1 - gone / whole[kind]];
  };
  const [macs, macsOfAll] = known ? shares('macs') : [null, null];
  const [weights, weightsOfAll] = shares('weights');
  return {kept: {macs, weights}, keptOfAll: {macs: macsOfAll, weights: weightsOfAll}};
}

/** Dense and pruned on our backend and dense on stock's, run by run in turn. */
async function measureSpeed(format, source, {speedThreads, runs, size}, onProgress) {
  const ours = (name, weights, handler) =>
    tfjsEngine({
      ...{name, weights, threads: speedThreads, backend: OURS, tf},
      configure: () => blocksparse.configure({threads: speedThreads}),
      plan: (model) => planInputs(model, {format, size}),
      async loadModel() {
        const model = await loadModel(format, handler);
        if (format === 'layers') blocksparse.planLayersModel(model);
        return model;
      },
    });
  const engines = [
    ours('pruned', 'pruned', source.pruned),
    ours('dense', 'untouched', source.dense),
    tfjsEngine({
      ...{name: STOCK, weights: 'untouched', backend: 'wasm', tf},
      plan: (model) => planInputs(model, {format, size}),
      loadModel: () => loadModel(format, source.dense),
    }),
  ];
  const {results} = await measureInterleaved(engines, {runs, onProgress});
  const [prunedMs, denseMs, stockMs] = results.map(({minMs}) => minMs);
  const times = {denseMs, prunedMs, stockMs};
  return {measured: denseMs / prunedMs, stock: stockMs / prunedMs, ...times, threads: speedThreads, runs};
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
