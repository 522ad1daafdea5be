export {allBlocks, blockRows, nonzeroBlocks, packFilter, unpackFilter} from './pack';
export {deserializeFilter, serializeFilter} from './serialize';
export {blockStatistics, popcount, type BlockStatistics} from './statistics';
export {BLOCK_SIZES, type BlockSize, type FilterShape, type PackedFilter} from './types';
export {winogradMatrices} from './winograd';
