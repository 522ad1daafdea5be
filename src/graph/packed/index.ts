export {isPacked, openPacked, placePackedWeights, registerPackedOp, unpackArtifacts} from './open';
export {packArtifacts, type PackedLayerReport, type PackOptions, type PackReport, type PackResult} from './pack';
export {saveBlockSparse, type SaveBlockSparseOptions} from './save';
