export {layOutArena, type ArenaLayout, type Lifetime} from './arena';
export {choosePath, MOST_COLUMNS} from './costModel';
export type {LayerGeometry, LayerPath, PathCandidate, PathChoice, Variant} from './costModel';
export {cutLayer, makespan, type Cut} from './cut';
export {cutDepthwise, depthwisePieces, type DepthwiseCut, type DepthwiseLayer} from './cutDepthwise';
export {asMatrix, layerStatistics} from './layerStatistics';
export {findRelocations, type Relocations} from './relocations';
export {unitItems} from './unitItems';
export {winogradTiles} from './winogradTiles';
