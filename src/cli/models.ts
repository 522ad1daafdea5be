/** Models by path, URL or npm package: finding them, reading them, checking that all of their weights are there. */
import {existsSync, statSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {io} from '@tensorflow/tfjs-core';
import {messageOf, UserError} from './errors';
import {showProgress} from './progress';

/** A graph model in memory. */
export interface Model {
  /** As the user named it. */
  readonly name: string;
  readonly artifacts: io.ModelArtifacts & {readonly weightData: ArrayBuffer};
}

/** Where a model lies. */
interface Place {
  /** Path or URL of the JSON. */
  readonly json: string;
  /** Path or URL of a weight file that the JSON names. */
  beside(file: string): string;
  read(file: string): Promise<Uint8Array>;
}

type ModelJson = io.ModelJSON & {readonly weightsManifest: io.WeightsManifestConfig};

/**
 * Reads a graph model.
 *
 * @param name path of its JSON or of a folder with a `model.json`, relative to the working folder; an http(s) URL; or the
 *     path of one of these two in an npm package, such as `@vladmandic/human/models/centernet.json`, which is looked for in
 *     `node_modules` here and in the folders above
 * @throws UserError if there is no such model, it is a layers model, or is not whole
 */
export async function readGraphModel(name: string): Promise<Model> {
  const place = findModel(name);
  const json = parseModel(name, place.json, await place.read(place.json));
  // Layers models: read `json` as one here, where all commands get their models from.
  if (formatOf(json) === 'layers') {
    throw new UserError(
      `${name} is a layers model; the command line takes graph models: prune it in code with pruneLayersModel, ` +
        'or make a graph model of it with tensorflowjs_converter --input_format tfjs_layers_model ' +
        '--output_format tfjs_graph_model',
    );
  }
  const weights = await readWeights(name, place, json.weightsManifest);
  const specs = json.weightsManifest.flatMap((group) => group.weights);
  const artifacts = await io.getModelArtifactsForJSON(json, async () => [specs, weights]);
  return {name, artifacts: {...artifacts, weightData: weights}};
}

function findModel(name: string): Place {
  if (/^https?:/i.test(name)) return atUrl(name);
  const json = [path.resolve(name), ...(isPackagePath(name) ? inNodeModules(name) : [])]
    .flatMap((candidate) => [candidate, path.join(candidate, 'model.json')])
    .find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
  if (json === undefined) {
    throw new UserError(
      `there is no model ${name}: give the path of a model.json or of its folder, an http(s) URL, or the path of one ` +
        'in an installed npm package',
    );
  }
  const beside = (file: string) => path.join(path.dirname(json), file);
  return {json, beside, read: (file) => readFile(file)};
}

const isPackagePath = (name: string) => /^(@[^/\\]+\/)?[^/\\.@][^/\\]*\/./.test(name);

/** Where `node_modules` may have the path, from the working folder upwards: packages keep `require.resolve` off JSON. */
function inNodeModules(name: string): string[] {
  const candidates: string[] = [];
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    candidates.push(path.join(folder, 'node_modules', name));
    if (folder === path.dirname(folder)) return candidates;
  }
}

function atUrl(name: string): Place {
  if (!URL.canParse(name)) throw new UserError(`${name} is no URL`);
  const url = new URL(name);
  if (url.pathname.endsWith('/')) url.pathname += 'model.json';
  return {
    json: url.href,
    // A query, such as a key, holds for the weights, too; so does tfjs.
    beside: (file) => Object.assign(new URL(file, url), {search: url.search}).href,
    async read(file) {
      const response = await fetch(file).catch((error: Error) => {
        throw new UserError(`${file} cannot be fetched: ${messageOf(error.cause ?? error)}`, {cause: error});
      });
      if (!response.ok)
        throw new UserError(`${file} cannot be fetched: HTTP ${response.status} ${response.statusText}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

function parseModel(name: string, file: string, bytes: Uint8Array): ModelJson {
  let json: Partial<ModelJson> | null;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes)) as Partial<ModelJson> | null;
  } catch (error) {
    throw new UserError(`${name} is not a model: ${path.basename(file)} is not JSON (${messageOf(error)})`);
  }
  if (typeof json?.modelTopology !== 'object' || !isManifest(json.weightsManifest)) {
    throw new UserError(
      `${name} is not a model of TensorFlow.js: ${path.basename(file)} lacks modelTopology or a whole weightsManifest`,
    );
  }
  return json as ModelJson;
}

function isManifest(manifest: unknown): manifest is io.WeightsManifestConfig {
  const isText = (value: unknown) => typeof value === 'string';
  return listOf(manifest, ({paths, weights}) => {
    const isSpec = ({name, dtype, shape}: Fields) =>
      isText(name) && isText(dtype) && Array.isArray(shape) && shape.every(Number.isSafeInteger);
    return Array.isArray(paths) && paths.every(isText) && listOf(weights, isSpec);
  });
}

type Fields = Readonly<Record<string, unknown>>;

const listOf = (value: unknown, isEntry: (entry: Fields) => boolean): boolean =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'object' && entry !== null && isEntry(entry));

function formatOf({modelTopology}: ModelJson): 'graph' | 'layers' {
  return Array.isArray((modelTopology as {node?: unknown}).node) ? 'graph' : 'layers';
}

async function readWeights(name: string, place: Place, manifest: io.WeightsManifestConfig): Promise<ArrayBuffer> {
  const progress = showProgress(`reading ${name}`, manifest.flatMap(({paths}) => paths).length);
  try {
    const groups: Uint8Array[] = [];
    for (const {paths, weights} of manifest) {
      const files = await Promise.all(
        paths.map(async (file) => {
          const bytes = await readShard(name, place, file);
          progress.step();
          return bytes;
        }),
      );
      const bytes = Buffer.concat(files);
      const expected = bytesOf(weights);
      if (expected !== null && expected !== bytes.length) {
        throw new UserError(
          `${name} is damaged: ${paths.join(', ')} ${paths.length === 1 ? 'has' : 'have'} ${bytes.length} bytes, the ` +
            `weights that the JSON lists take ${expected}`,
        );
      }
      groups.push(bytes);
    }
    return Uint8Array.from(Buffer.concat(groups)).buffer;
  } finally {
    progress.stop();
  }
}

async function readShard(name: string, place: Place, file: string): Promise<Uint8Array> {
  try {
    return await place.read(place.beside(file));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${name} lacks its weight file ${file}: put it beside the JSON (${messageOf(error)})`);
  }
}

const BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  complex64: 8,
  bool: 1,
  uint8: 1,
  uint16: 2,
  float16: 2,
};

/** Bytes that weights take in their files; `null` where there are strings, which say themselves how long they are. */
function bytesOf(weights: readonly io.WeightsManifestEntry[]): number | null {
  return weights.reduce<number | null>((sum, {shape, dtype, quantization}) => {
    const size = BYTES[quantization?.dtype ?? dtype];
    return sum === null || size === undefined ? null : sum + size * shape.reduce((product, dim) => product * dim, 1);
  }, 0);
}
