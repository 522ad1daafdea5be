export {checksum} from './checksum';
export {fromFloat16, toFloat16} from './float16';
export {checkKept, filterOf, keptBits, keptBytes, type BlockLayout} from './keptBits';
export {negativeZeros, restoreNegativeZeros, signWords} from './negativeZeros';
export {allBlocks, blockRows, nonzeroBlocks, packFilter, unpackFilter} from './pack';
export {deserializeFilter, serializeFilter} from './serialize';
export {blockStatistics, countTapBlocks, popcount, type BlockStatistics} from './statistics';
export {BLOCK_SIZES, type BlockSize, type FilterShape, type PackedFilter, type PackedWeight} from './types';
export {winogradMatrices} from './winograd';
