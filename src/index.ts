/**
 * TensorFlow.js on 1xN block-sparse and dense WebAssembly kernels. Importing this module registers the backend
 * `blocksparse-1xn` and lets graph models that are loaded while it is active pass through a lossless clean-up.
 */
import {getBackend} from '@tensorflow/tfjs-core';
import {BACKEND_NAME, options, packAhead, packedTensor, registerBlockSparseBackend} from './backend';
import {
  cleanUpGraph,
  installLoadHook,
  isPacked,
  openPacked,
  placePackedWeights,
  prepareFirstInference,
  registerPackedOp,
  setRewriter,
  unpackArtifacts,
  watchLoads,
} from './graph';
import {planModel} from './modelPlans';

registerBlockSparseBackend();
installLoadHook();
registerPackedOp();
setRewriter('packed', {
  applies: isPacked,
  rewrite: (artifacts) => (getBackend() === BACKEND_NAME ? openPacked : unpackArtifacts)(artifacts),
  loaded: (model) => placePackedWeights(model, packedTensor),
});
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
export {inspectModel, type InspectedModel, type InspectModelOptions} from './inspectModel';
export {pruneGraphModel, pruneLayersModel, pruneOnLoad} from './pruneModels';
export {inspectPlans, measurePlan, planLayersModel} from './modelPlans';
export {
  applyMasks,
  getMasks,
  maskCallback,
  packArtifacts,
  saveBlockSparse,
  unpackArtifacts,
  type BudgetReport,
  type Calibration,
  type CalibrationOptions,
  type CalibrationProgress,
  type InspectOptions,
  type LayerDescription,
  type LayerInspection,
  type LayerLeftAlone,
  type LayerReport,
  type LayersModelLike,
  type LayersPruneReport,
  type MaskableModel,
  type MaxDrop,
  type ModelInspection,
  type OutputQuality,
  type PrunableLayersModel,
  type PruneBudget,
  type PackedLayerReport,
  type PackOptions,
  type PackReport,
  type PackResult,
  type PruneOnLoadOptions,
  type PruneOptions,
  type PruneReport,
  type PruneResult,
  type RepairMethod,
  type RepairReport,
  type RepairStage,
  type SampleBatch,
  type WeightMasks,
  type SaveBlockSparseOptions,
} from './graph';
