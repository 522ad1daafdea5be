import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {UserError} from './userError.mjs';

/** The root of the repository. */
export const ROOT = path.resolve(fileURLToPath(import.meta.url), '../../..');

const SHARED_MODELS = path.resolve(ROOT, '../shared/models');
const HUMAN_MODELS = path.join(ROOT, 'node_modules/@vladmandic/human/models');
/** The super-resolution model of an npm package. */
export const UPSCALER = 'node_modules/@upscalerjs/default-model/models/model.json';

/**
 * @typedef {object} ModelFiles
 * @property {string} name as the user gave it
 * @property {string} folder absolute; holds the JSON and the weights
 * @property {string} file name of the JSON in `folder`
 * @property {'graph' | 'layers'} format
 * @property {{litert?: string, ort?: string}} peerFiles where other engines' files of the same network would be; empty if
 *     the folder does not name the model
 */

/**
 * Finds a graph or layers model and checks that all of its files are there.
 *
 * @param {string} name a path of a model's JSON or of a folder with a `model.json`; or a name under `../shared/models`
 *     (`mobilenet_v2_1.0_224`, `human/handlandmark-sparse`); or `human:NAME`, or NAME alone, for one of the npm package
 *     @vladmandic/human
 * @param {string} base relative paths start here
 * @returns {ModelFiles}
 * @throws {UserError} if there is no such model, a file of it is missing, or it is neither
 */
export function findModel(name, base = process.cwd()) {
  const json = candidates(name, base).find((file) => existsSync(file) && statSync(file).isFile());
  if (json === undefined) {
    throw new UserError(
      `no model ${name}: give the path of a model.json, a name under ../shared/models (mobilenet_v2_1.0_224, ` +
        'human/handlandmark-sparse) or human:NAME (human:centernet)',
    );
  }
  const folder = path.dirname(json);
  const format = checkFiles(name, json, folder);
  return {name, folder, file: path.basename(json), format, peerFiles: peerFiles(json)};
}

/**
 * Names, as `findModel` takes them, of all models of `../shared` and of the npm packages here; one of those that several
 * places have.
 *
 * @returns {string[]}
 */
export function allModels() {
  const found = [
    ...jsonFiles(SHARED_MODELS).map((file) => [file.replace(/(\/model)?\.json$/, ''), path.join(SHARED_MODELS, file)]),
    ...jsonFiles(HUMAN_MODELS).map((file) => [`human:${file.replace(/\.json$/, '')}`, path.join(HUMAN_MODELS, file)]),
    [UPSCALER, path.join(ROOT, UPSCALER)],
  ];
  const names = new Map();
  for (const [name, file] of found) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '{}';
    if (JSON.parse(text).weightsManifest && !names.has(text)) names.set(text, name);
  }
  return [...names.values()];
}

function jsonFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, {recursive: true})
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.replaceAll('\\', '/'))
    .sort();
}

function candidates(name, base) {
  if (name.startsWith('human:')) return [path.join(HUMAN_MODELS, `${name.slice('human:'.length)}.json`)];
  const given = path.resolve(base, name);
  const shared = path.join(SHARED_MODELS, name);
  return [
    given,
    path.join(given, 'model.json'),
    path.join(shared, 'model.json'),
    `${shared}.json`,
    path.join(HUMAN_MODELS, `${name}.json`),
  ];
}

function peerFiles(json) {
  if (path.basename(json) !== 'model.json') return {};
  const folder = path.dirname(json);
  const beside = (extension) => path.join(folder, '../peers', path.basename(folder) + extension);
  return {litert: beside('.tflite'), ort: beside('.onnx')};
}

function checkFiles(name, json, folder) {
  let model;
  try {
    model = JSON.parse(readFileSync(json, 'utf8'));
  } catch {
    throw new UserError(`${name} is not a model: ${path.basename(json)} is not JSON`);
  }
  const format = formatOf(model);
  if (format === null || !Array.isArray(model.weightsManifest)) {
    throw new UserError(
      `${name} is not a model of tfjs: ${path.basename(json)} has no graph nodes, no layers or no weights manifest`,
    );
  }
  const missing = model.weightsManifest
    .flatMap(({paths}) => paths)
    .filter((file) => !existsSync(path.join(folder, file)));
  if (missing.length > 0) throw new UserError(`${name} lacks its weight file ${missing[0]}: put it beside the JSON`);
  return format;
}

function formatOf(model) {
  const topology = model?.modelTopology;
  if (Array.isArray(topology?.node)) return 'graph';
  // Keras wraps a network's configuration; tfjs writes it as it is.
  const {class_name: network, config} = topology?.model_config ?? topology ?? {};
  return network && config ? 'layers' : null;
}
