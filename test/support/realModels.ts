// What tests of whole models share: where the models are, inputs for them, running them, comparing.
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import type {GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {randomFloats, randomNumbers} from './random';

const ROOT = resolve(__dirname, '../..');
const SHARED = resolve(ROOT, '../shared/models');
const HUMAN = join(ROOT, 'node_modules/@vladmandic/human/models');

/** Models with free image sizes get one that is enough for their strides. */
const FREE_SIZE = 160;
const CONTROL_FLOW = new Set(['Switch', 'Merge', 'Enter', 'NextIteration', 'LoopCond']);
const DYNAMIC_SHAPES = new Set(['NonMaxSuppressionV2', 'NonMaxSuppressionV3', 'NonMaxSuppressionV5', 'Where']);

interface ModelJson {
  readonly modelTopology?: {readonly node?: readonly {readonly op: string}[]};
  readonly weightsManifest?: tf.io.WeightsManifestConfig;
}

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as ModelJson & tf.io.ModelJSON;

function modelFiles(root: string, isModel: (json: ModelJson) => boolean): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, {recursive: true, encoding: 'utf8'})
    .filter((file) => file.endsWith('.json'))
    .map((file) => join(root, file))
    .filter((path) => isModel(readJson(path)))
    .sort();
}

const isGraphModel = (json: ModelJson) => json.modelTopology?.node !== undefined && json.weightsManifest !== undefined;

/** Graph models in ../shared/models; none, and a word about it, where that folder is absent. */
export function sharedGraphModels(): string[] {
  const files = modelFiles(SHARED, isGraphModel);
  if (!files.length) console.info('../shared/models is absent: tests of the models there are skipped');
  return files;
}

/** Graph models that ship in npm packages. */
export function npmGraphModels(): string[] {
  return modelFiles(HUMAN, isGraphModel);
}

/** All of them, by name and path: a table for `each`, which is never empty. */
export function realGraphModels(): (readonly [name: string, path: string])[] {
  return [...sharedGraphModels(), ...npmGraphModels()].map((path) => [modelName(path), path]);
}

/** Layers models that are there, with what to feed them: the size of images, the largest of their values. */
export function realLayersModels(): {name: string; path: string; scale: number; size: number}[] {
  return [
    {
      name: 'super-resolution from npm',
      path: join(ROOT, 'node_modules/@upscalerjs/default-model/models/model.json'),
      scale: 255,
      size: 48,
    },
    {name: 'pet_localize_u8', path: join(SHARED, 'pet_localize_u8/model.json'), scale: 1, size: 256},
  ].filter(({name, path}) => existsSync(path) || (console.info(`${name} is absent: skipped`), false));
}

/** A name to call a model by in a test. */
export function modelName(path: string): string {
  return relative(path.startsWith(SHARED) ? SHARED : join(ROOT, 'node_modules'), path).replace(/\/model\.json$/, '');
}

/** A model's artifacts with all shards in memory. */
export function readModel(path: string): tf.io.ModelArtifacts & {weightData: ArrayBuffer} {
  const {weightsManifest, ...fields} = readJson(path);
  const bytes = Buffer.concat(
    weightsManifest.flatMap(({paths}) => paths).map((file) => readFileSync(join(dirname(path), file))),
  );
  return {
    ...fields,
    weightSpecs: weightsManifest.flatMap(({weights}) => weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
  };
}

/** Whether a model has to be run by `executeAsync`. */
export function isDynamic({modelTopology}: tf.io.ModelArtifacts): boolean {
  const {node} = modelTopology as {node: {op: string}[]};
  return node.some(({op}) => CONTROL_FLOW.has(op) || DYNAMIC_SHAPES.has(op));
}

/**
 * The same image for every model and run: waves and a little noise, in [-1, 1] or 0 to 255. On pure noise a detector's
 * scores are all alike, and which boxes survive hangs on the last bit.
 */
export function inputsFor(model: Pick<GraphModel, 'inputs'>): tf.NamedTensorMap {
  const random = randomNumbers(7);
  return Object.fromEntries(
    model.inputs.map(({name, shape, dtype}) => {
      const dims = shape!.map((dim, i) => (dim > 0 ? dim : i === 0 ? 1 : FREE_SIZE));
      const noise = randomFloats(tf.util.sizeFromShape(dims), random);
      const values = noise.map((x, i) => 0.6 * Math.sin(i / 97) + 0.3 * Math.sin(i / 1231) + 0.1 * x);
      return [
        name,
        dtype === 'int32'
          ? tf.tensor(
              values.map((v) => Math.floor(128 + 127 * v)),
              dims,
              'int32',
            )
          : tf.tensor(values, dims),
      ];
    }),
  );
}

/** Runs a model for some of its nodes, by default its outputs. */
export async function compute(
  model: Pick<GraphModel, 'execute' | 'executeAsync' | 'outputNodes'>,
  inputs: tf.NamedTensorMap,
  dynamic: boolean,
  names = model.outputNodes,
): Promise<tf.Tensor[]> {
  // tfjs warns where the nodes asked for would not have needed executeAsync.
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  try {
    const result = dynamic ? await model.executeAsync(inputs, names) : model.execute(inputs, names);
    return Array.isArray(result) ? result : [result];
  } finally {
    warn.mockRestore();
  }
}

/** Largest difference as a share of the range of the expected values. */
export function errorOfRange(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [low, high, error] = [Infinity, -Infinity, 0];
  // Comparisons by hand: calls of Math are slow inside Jest, and these are millions of values.
  for (let i = 0; i < expected.length; i++) {
    const value = expected[i];
    if (value < low) low = value;
    if (value > high) high = value;
    if (actual[i] === value || (actual[i] !== actual[i] && value !== value)) continue;
    const difference = actual[i] > value ? actual[i] - value : value - actual[i];
    if (!(difference <= error)) error = difference; // a NaN stays
  }
  // One value has no range but its own size.
  return error === 0 ? 0 : error / (high > low ? high - low : Math.abs(high));
}
