/**
 * TensorFlow.js on 1xN block-sparse and dense WebAssembly kernels. Importing this module registers the backend
 * `blocksparse-1xn` and lets graph models that are loaded while it is active pass through a lossless clean-up.
 */
import {getBackend} from '@tensorflow/tfjs-core';
import {BACKEND_NAME, options, PlannedRuns, registerBlockSparseBackend} from './backend';
import {
  callKernelsDirectly,
  cleanUpGraph,
  installLoadHook,
  isDirectCall,
  planExecution,
  planLayers,
  setRewriter,
  type LayersModelLike,
} from './graph';

registerBlockSparseBackend();
installLoadHook();
setRewriter('cleanup', {
  applies: () => getBackend() === BACKEND_NAME && options().rewrite,
  rewrite: (artifacts) => cleanUpGraph(artifacts).artifacts,
  loaded: (model) => {
    callKernelsDirectly(model);
    planExecution(model, new PlannedRuns(), isDirectCall);
  },
});

/**
 * Lets a functional or sequential model of tfjs-layers run as graph models do on this backend: repeated calls of `predict`
 * and `predictOnBatch` become programs, whole stretches of kernels as one call. Outputs are the same, after `setWeights` and
 * `fit`, too. Layers are not called then, nor are their call hooks: what a layer computes must follow from its inputs and
 * weights (no state of its own, no random numbers). `predict` of more samples than one batch runs as ever.
 *
 * @returns undoes it and frees what is held; `model.dispose()` does so, too
 * @throws Error naming the layer if one is stateful
 */
export function planLayersModel(model: LayersModelLike): () => void {
  return planLayers(model, new PlannedRuns());
}

export {backendInfo, BlockSparseBackend, configure, type BackendInfo, type BlockSparseOptions} from './backend';
export {
  inspectModel,
  pruneGraphModel,
  pruneOnLoad,
  type InspectOptions,
  type LayerDescription,
  type LayerInspection,
  type LayerReport,
  type LayersModelLike,
  type ModelInspection,
  type PruneOnLoadOptions,
  type PruneOptions,
  type PruneReport,
  type PruneResult,
} from './graph';
