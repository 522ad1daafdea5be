import path from 'node:path';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {compileMeters} from '../peak.mjs';
import {fileHandler} from './node.mjs';
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
  const loadModel = () => loadGraphModel(fileHandler(path.join(model.folder, model.file)));
  const host = {tf, blocksparse, loadModel, onProgress, loadMeters: compileMeters};
  return {...(await runProfile(options, host)), runtime: `Node ${process.versions.node}`};
}
