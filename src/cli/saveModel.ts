/** Models on disk: standard artifacts of TensorFlow.js, in shards as its converter writes them. */
import {io} from '@tensorflow/tfjs-core';
import {writeFolder, type Files} from './atomic';
import {packModel} from './packedModels';
import {showProgress} from './progress';

/** Bytes of a weight file, at most: what browsers keep in their caches. */
const SHARD_BYTES = 4 * 1024 * 1024;

export interface SaveOptions {
  /** Replace a model that is there. */
  readonly force: boolean;
  /** Store the kept blocks alone. */
  readonly packed?: boolean;
  /** Store values as float16; of packed models alone. */
  readonly float16?: boolean;
}

/** What was written. */
export interface SavedModel {
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Writes a model into a folder: `model.json` and `group1-shard1of1.bin` or more.
 *
 * @throws UserError if the folder cannot be written, or holds a model and `force` is not given
 */
export async function saveModel(
  artifacts: io.ModelArtifacts,
  folder: string,
  {force, packed, float16}: SaveOptions,
): Promise<SavedModel> {
  const files = modelFiles(packed ? packModel(artifacts, float16 ? {float16} : {}) : artifacts);
  const progress = showProgress(`writing ${folder}`, files.size);
  try {
    await writeFolder(folder, files, force, () => progress.step());
  } finally {
    progress.stop();
  }
  const bytes = [...files.values()].reduce((sum, data) => sum + Buffer.byteLength(data), 0);
  return {files: [...files.keys()], bytes};
}

function modelFiles(artifacts: io.ModelArtifacts): Files {
  const {modelTopology, weightSpecs = [], weightData = new ArrayBuffer(0), ...rest} = artifacts;
  const weights = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
  const count = Math.max(1, Math.ceil(weights.length / SHARD_BYTES));
  const shards = Array.from({length: count}, (_, i): [string, Uint8Array] => [
    `group1-shard${i + 1}of${count}.bin`,
    weights.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  ]);
  const weightsManifest = [{paths: shards.map(([name]) => name), weights: weightSpecs}];
  delete rest.getWeightStream;
  return new Map<string, string | Uint8Array>([
    ...shards,
    // Last: a folder with a model.json is whole.
    ['model.json', JSON.stringify({...rest, modelTopology, weightsManifest})],
  ]);
}
