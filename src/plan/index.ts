export {choosePath} from './costModel';
export type {LayerGeometry, LayerPath, PathCandidate, PathChoice, Variant} from './costModel';
