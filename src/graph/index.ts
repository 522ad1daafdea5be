export {prepareFirstInference} from './firstInference';
export {ModelGraph, parseRef, type Consumer, type GraphNode, type Signature, type TensorRef} from './modelGraph';
export {cleanUpGraph, type CleanUpResult, type Remark} from './cleanup';
export {installLoadHook, readWeightStream, setRewriter, watchLoads, type Rewriter, type RewriterKind} from './loadHook';
export {
  DEFAULT_OUTPUT_PIXELS,
  inspectModel,
  type InspectOptions,
  type LayerInspection,
  type ModelInspection,
} from './inspect';
export {planExecution} from './planExecution';
export {planLayers, type LayersModelLike} from './planLayersModel';
export type {LayerLeftAlone} from './layersGraph';
export type {PrunableLayersModel} from './layersModel';
export {pruneArtifacts, pruneGraphModel, type PruneResult} from './prune';
export type {LayerDescription} from './pruneLayers';
export {pruneLayersModel, type LayersPruneReport} from './pruneLayersModel';
export {pruneOnLoad} from './pruneOnLoad';
export {whyNotWorthIt, type PerLayer, type PruneOnLoadOptions, type PruneOptions} from './pruneOptions';
export type {LayerReport, PruneReport, PruneTotals} from './pruneReport';
export {inferShapes, type Dim, type Shape, type ShapeMap} from './shapes';
export {applyMasks, getMasks, maskCallback, type MaskableModel, type WeightMasks} from './weightMasks';
