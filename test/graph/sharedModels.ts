// The real graph models that lie beside the repository, where they do.
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import type {io} from '@tensorflow/tfjs-core';

const ROOT = resolve(__dirname, '../../../shared/models');

/** Paths of all graph models below `../shared/models`, relative to it; none where the folder is absent. */
export function sharedGraphModels(): string[] {
  if (!existsSync(ROOT)) return [];
  const files = readdirSync(ROOT, {recursive: true, encoding: 'utf8'}).filter((file) => file.endsWith('.json'));
  return files.filter((file) => 'node' in readJson(file).modelTopology).sort();
}

type Json = io.ModelJSON & {modelTopology: {node?: unknown[]}};
const readJson = (file: string): Json => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Json;

/** A model's artifacts with all shards in memory. */
export function readModel(file: string): io.ModelArtifacts {
  const {weightsManifest, ...fields} = readJson(file);
  const folder = dirname(join(ROOT, file));
  const bytes = Buffer.concat(
    weightsManifest.flatMap(({paths}) => paths).map((path) => readFileSync(join(folder, path))),
  );
  return {
    ...fields,
    weightSpecs: weightsManifest.flatMap(({weights}) => weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  };
}
