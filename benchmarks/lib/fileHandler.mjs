import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {io} from '@tensorflow/tfjs-core';

/**
 * Reads a model from the disk, which tfjs itself cannot do in Node.
 *
 * @param {string} file path of its JSON; the weights lie beside it
 * @returns {io.IOHandler}
 */
export function fileHandler(file) {
  return {
    async load() {
      const model = JSON.parse(await readFile(file, 'utf8'));
      return io.getModelArtifactsForJSON(model, async (manifest) => {
        const shards = manifest
          .flatMap(({paths}) => paths)
          .map((name) => readFile(path.join(path.dirname(file), name)));
        const {buffer, byteOffset, byteLength} = Buffer.concat(await Promise.all(shards));
        return [manifest.flatMap(({weights}) => weights), buffer.slice(byteOffset, byteOffset + byteLength)];
      });
    },
  };
}
