// The page of the profile: bundled by bundle.mjs, called by profileChromium.mjs.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {loadModel} from './loadModel.mjs';
import {runProfile} from './profileRun.mjs';
import {UserError} from './userError.mjs';

/** Returns what `runProfile` does, or `{problem}` in place of a UserError: an error's class does not leave a page. */
globalThis.profileInPage = async ({modelUrl, format, wasmPath, options}) => {
  setWasmPaths(wasmPath);
  const host = {
    tf,
    blocksparse,
    loadModel: () => loadModel(format, modelUrl),
    format,
    loadMeters: async (variant) => (await fetch(`/meters-${variant}.wasm`)).arrayBuffer(),
    onProgress: (line) => globalThis.reportProgress(line),
  };
  try {
    return await runProfile(options, host);
  } catch (error) {
    if (error instanceof UserError) return {problem: error.message};
    throw error;
  }
};
