/**
 * TensorFlow.js on 1xN block-sparse and dense WebAssembly kernels. Importing this module registers the backend
 * `blocksparse-1xn` and lets graph models that are loaded while it is active pass through a lossless clean-up.
 */
import {getBackend} from '@tensorflow/tfjs-core';
import {BACKEND_NAME, options, packAhead, registerBlockSparseBackend} from './backend';
import {cleanUpGraph, installLoadHook, prepareFirstInference, setRewriter, watchLoads} from './graph';
import {planModel} from './modelPlans';

registerBlockSparseBackend();
installLoadHook();
setRewriter('cleanup', {
  applies: () => getBackend() === BACKEND_NAME && options().rewrite,
  rewrite: (artifacts) => cleanUpGraph(artifacts).artifacts,
  loaded: (model) => packAhead(prepareFirstInference(model)),
});
watchLoads(planModel);

export {
  backendInfo,
  BlockSparseBackend,
  configure,
  type BackendInfo,
  type BlockSparseOptions,
  type PlanReport,
  type StepReport,
  type TaskReport,
} from './backend';
export {inspectPlans, measurePlan, planLayersModel} from './modelPlans';
export {
  applyMasks,
  getMasks,
  inspectModel,
  maskCallback,
  pruneGraphModel,
  pruneLayersModel,
  pruneOnLoad,
  type InspectOptions,
  type LayerDescription,
  type LayerInspection,
  type LayerLeftAlone,
  type LayerReport,
  type LayersModelLike,
  type LayersPruneReport,
  type MaskableModel,
  type ModelInspection,
  type PrunableLayersModel,
  type PruneOnLoadOptions,
  type PruneOptions,
  type PruneReport,
  type PruneResult,
  type WeightMasks,
} from './graph';
