export type {
  Calibration,
  CalibrationOptions,
  CalibrationProgress,
  MaxDrop,
  OutputQuality,
  RepairMethod,
  RepairReport,
  RepairStage,
  SampleBatch,
} from './calibrationOptions';
export {distill, type Distillation, type DistillOptions} from './distill';
export {prepareFirstInference} from './firstInference';
export {ModelGraph, parseRef, type Consumer, type GraphNode, type Signature, type TensorRef} from './modelGraph';
export {cleanUpGraph, type CleanUpResult, type Remark} from './cleanup';
export {installLoadHook, readWeightStream, setRewriter, watchLoads, type Rewriter, type RewriterKind} from './loadHook';
export {inspectModel, type InspectOptions, type LayerInspection, type ModelInspection} from './inspect';
export {whyNotWorthIt} from './layerChoice';
export {DEFAULT_OUTPUT_PIXELS} from './layerGeometry';
export {
  isPacked,
  openPacked,
  packArtifacts,
  placePackedWeights,
  registerPackedOp,
  saveBlockSparse,
  unpackArtifacts,
  type PackedLayerReport,
  type PackOptions,
  type PackReport,
  type PackResult,
  type SaveBlockSparseOptions,
} from './packed';
export {planExecution} from './planExecution';
export {planLayers, type LayersModelLike} from './planLayersModel';
export type {LayerLeftAlone} from './layersGraph';
export type {PrunableLayersModel} from './layersModel';
export {pruneArtifacts, pruneGraphModel, type PruneResult} from './prune';
export type {LayerDescription} from './pruneLayers';
export {pruneLayersModel, type LayersPruneReport} from './pruneLayersModel';
export {pruneOnLoad} from './pruneOnLoad';
export type {PerLayer, PruneBudget, PruneOnLoadOptions, PruneOptions} from './pruneOptions';
export type {BudgetReport, LayerReport, PruneReport, PruneTotals} from './pruneReport';
export {inferShapes, type Dim, type Shape, type ShapeMap} from './shapes';
export {applyMasks, getMasks, maskCallback, type MaskableModel, type WeightMasks} from './weightMasks';
