import {io} from '@tensorflow/tfjs-core';
import {readWeightStream} from '../loadHook';
import {saveFolder} from './folder';
import {packArtifacts, type PackOptions, type PackReport} from './pack';

export interface SaveBlockSparseOptions extends PackOptions {
  /** Whether a model that is in the folder is replaced. Default false. Handlers and URLs do as they always do. */
  readonly overwrite?: boolean;
}

/**
 * Saves a graph model with its filters packed. It loads by plain `loadGraphModel` wherever this package is imported: on
 * its backend the blocks go to the kernels as they are, on others filters are unpacked.
 *
 * @param target an IOHandler, a URL of a scheme that tfjs knows (`indexeddb://name`, `localstorage://`, `downloads://`,
 *     `http://`), or in Node a folder
 * @returns what the handler gives, and what was packed
 * @throws Error where the target cannot be saved to, or holds something; see `packArtifacts`
 */
export async function saveBlockSparse(
  artifacts: io.ModelArtifacts,
  target: io.IOHandler | string,
  options: SaveBlockSparseOptions = {},
): Promise<io.SaveResult & {readonly report: PackReport}> {
  const {overwrite = false, ...packOptions} = options;
  const {artifacts: packed, report} = packArtifacts(await readWeightStream(artifacts), packOptions);
  if (typeof target === 'string' && !/^[a-z][\w+.-]+:\/\//i.test(target)) {
    saveFolder(packed, target, overwrite);
    return {modelArtifactsInfo: io.getModelArtifactsInfoForJSON(packed), report};
  }
  const handlers = typeof target === 'string' ? io.getSaveHandlers(target) : [target];
  if (handlers.length !== 1 || !handlers[0]?.save) {
    throw new Error(
      typeof target === 'string'
        ? `saveBlockSparse: ${handlers.length} save handlers of tfjs know the URL '${target}', one expected.`
        : 'saveBlockSparse: the handler has no save function.',
    );
  }
  return {...(await handlers[0].save(packed)), report};
}
