export {allocate, type RatePoint} from './allocate';
export {blockScores, CRITERIA, l1BlockScores, randomBlockScores, type Criterion} from './criteria';
export {applyMask, firstToDrop, selectBlocks, sortScores, weightsInBlocks} from './masks';
export {
  expandOrder,
  filterNorms,
  invertOrder,
  isIdentity,
  orderByNorm,
  permuteAxis,
  transpose,
  type ChannelOrder,
} from './order';
export {blockGrid, PATTERNS, type BlockGrid, type Pattern} from './patterns';
export {layerSeed} from './random';
