import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {compileMeters} from '../peak.mjs';
import {fileHandler} from './fileHandler.mjs';
import {loadModel} from './loadModel.mjs';
import {runProfile} from './profileRun.mjs';

/**
 * Profiles in this process.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./profileOptions.mjs').ProfileOptions} options
 * @param {(line: string) => void} onProgress
 * @returns {Promise<import('./profileRun.mjs').MeasuredProfile & {runtime: string}>}
 */
export async function profileInNode(model, options, onProgress) {
  const host = {
    tf,
    blocksparse,
    loadModel: () => loadModel(model.format, fileHandler(path.join(model.folder, model.file))),
    format: model.format,
    loadMeters: compileMeters,
    onProgress,
  };
  return {...(await runProfile(options, host)), runtime: `Node ${process.versions.node}`};
}
