export {CRITERIA, l1BlockScores, randomBlockScores, type Criterion} from './criteria';
export {applyMask, selectBlocks, weightsInBlocks} from './masks';
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
export {layerSeed} from './random';
