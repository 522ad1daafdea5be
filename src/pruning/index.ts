export {allocate, type RatePoint} from './allocate';
export {
  checkMatrix,
  checkRows,
  NotPositiveDefinite,
  plainBlockRowSolver,
  type BlockRowJob,
  type BlockRowResult,
  type BlockRowSolver,
} from './blockRowSolver';
export {blockScores, CRITERIA, l1BlockScores, randomBlockScores, type Criterion} from './criteria';
export {fitDepthwise, type Clip, type DepthwiseFilter, type DepthwiseRows} from './depthwiseFit';
export {gatherZeros, type FilterZeros, type GatheredZeros} from './gatherZeros';
export {interpolateLoss, TRIAL_RATES} from './interpolateLoss';
export {
  BlockLeastSquares,
  chooseBlocks,
  diagonalBlocks,
  surgeonScores,
  type BlockFit,
  type FitShape,
} from './leastSquares';
export {applyMask, firstToDrop, selectBlocks, sortScores, weightsInBlocks} from './masks';
export {
  expandOrder,
  filterNorms,
  identityOrder,
  invertOrder,
  isIdentity,
  orderByNorm,
  permuteAxis,
  transpose,
  type ChannelOrder,
} from './order';
export {blockGrid, PATTERNS, type BlockGrid, type Pattern} from './patterns';
export {layerSeed, randomNumbers} from './random';
export {
  ORDER_METHODS,
  searchOrder,
  type FilterScores,
  type FoundOrder,
  type KeptShares,
  type OrderMethod,
  type OrderOptions,
} from './searchOrder';
