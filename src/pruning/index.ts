export {CRITERIA, l1BlockScores, randomBlockScores, type Criterion} from './criteria';
export {gatherZeros, type FilterZeros, type GatheredZeros} from './gatherZeros';
export {applyMask, selectBlocks, weightsInBlocks} from './masks';
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
export {layerSeed} from './random';
export {
  ORDER_METHODS,
  searchOrder,
  type FilterScores,
  type FoundOrder,
  type KeptShares,
  type OrderMethod,
  type OrderOptions,
} from './searchOrder';
