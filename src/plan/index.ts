export {choosePath, depthwiseRowNanoseconds} from './costModel';
export type {LayerGeometry, LayerPath, PathCandidate, PathChoice, Variant} from './costModel';
export {cutLayer, makespan, unitItems, type Cut} from './cut';
export {asMatrix, layerStatistics} from './layerStatistics';
