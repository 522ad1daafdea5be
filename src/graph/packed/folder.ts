/** Model folders on Node's file system; in a page there is none, and nothing is imported for it. */
import type * as Fs from 'node:fs';
import type * as Path from 'node:path';
import {io} from '@tensorflow/tfjs-core';

/** Bytes of a weight file: that of TensorFlow.js's converter, which browsers cache. */
const SHARD_BYTES = 4 * 2 ** 20;

type Builtins = {getBuiltinModule?(name: 'fs'): typeof Fs; getBuiltinModule?(name: 'path'): typeof Path};

/**
 * Writes a graph model into a folder: model.json and weight files, as the converter names them. All of it is written beside
 * the folder first, and renamed: at no time is there half a model.
 *
 * @param overwrite whether a model that is there is replaced
 * @throws Error where the folder holds anything else, or a model and `overwrite` is false; where there is no file system
 */
export function saveFolder(artifacts: io.ModelArtifacts, folder: string, overwrite: boolean): void {
  const builtins = (globalThis as {process?: Builtins}).process;
  const fs = builtins?.getBuiltinModule?.('fs') as typeof Fs | undefined;
  const path = builtins?.getBuiltinModule?.('path') as unknown as typeof Path | undefined;
  if (!fs || !path) {
    throw new Error(
      `saveBlockSparse: there is no file system for the folder '${folder}' (Node 20.16 or later has one): ` +
        "give a URL such as 'indexeddb://name' or an IOHandler.",
    );
  }
  const target = path.resolve(folder);
  const old = fs.existsSync(target) ? fs.readdirSync(target) : [];
  if (old.length) {
    if (!overwrite)
      throw new Error(`saveBlockSparse: '${folder}' is not empty: set overwrite, or choose another folder.`);
    const known = new Set(['model.json', ...filesOf(fs, path.join(target, 'model.json'))]);
    const other = old.find((file) => !known.has(file));
    if (other !== undefined) {
      throw new Error(
        `saveBlockSparse: '${folder}' holds '${other}', which is no part of a model: nothing is replaced.`,
      );
    }
  }
  fs.mkdirSync(path.dirname(target), {recursive: true});
  const fresh = fs.mkdtempSync(`${target}.new-`);
  const aside = `${fresh}.old`;
  try {
    for (const [name, content] of filesFor(artifacts)) fs.writeFileSync(path.join(fresh, name), content);
    fs.chmodSync(fresh, 0o777 & ~process.umask()); // mkdtemp keeps others out
    if (fs.existsSync(target)) fs.renameSync(target, aside);
    try {
      fs.renameSync(fresh, target);
    } catch (error) {
      if (fs.existsSync(aside)) fs.renameSync(aside, target);
      throw error;
    }
    fs.rmSync(aside, {recursive: true, force: true});
  } finally {
    fs.rmSync(fresh, {recursive: true, force: true});
  }
}

/** The weight files that a model.json names; none where it is no such thing. */
function filesOf(fs: typeof Fs, modelJson: string): string[] {
  try {
    const {weightsManifest} = JSON.parse(fs.readFileSync(modelJson, 'utf8')) as io.ModelJSON;
    return weightsManifest.flatMap(({paths}) => paths);
  } catch {
    return [];
  }
}

function filesFor({weightData, weightSpecs, ...rest}: io.ModelArtifacts): Array<[string, string | Uint8Array]> {
  const bytes = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
  const count = Math.max(1, Math.ceil(bytes.length / SHARD_BYTES));
  const shards = Array.from({length: count}, (_, i): [string, Uint8Array] => [
    `group1-shard${i + 1}of${count}.bin`,
    bytes.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  ]);
  const weightsManifest = [{paths: shards.map(([name]) => name), weights: weightSpecs ?? []}];
  const json = JSON.stringify({...rest, format: rest.format ?? 'graph-model', weightsManifest});
  return [...shards, ['model.json', json]];
}
