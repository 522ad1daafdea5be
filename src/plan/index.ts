export {choosePath} from './costModel';
export type {LayerGeometry, LayerPath, PathCandidate, PathChoice, Variant} from './costModel';
export {asMatrix, layerStatistics} from './layerStatistics';
export {macroTile} from './macroTile';
