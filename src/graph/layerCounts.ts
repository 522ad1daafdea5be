import {nonzeroBlocks} from '../packed';
import {choosePath, layerStatistics} from '../plan';
import {l1BlockScores, weightsInBlocks, type BlockGrid} from '../pruning';
import type {LayerPlan} from './layerPlans';
import type {LayerCounts} from './pruneReport';

/**
 * Counts what was in a layer and what is left.
 *
 * @param before its filter as it was, in the order of channels that it has now
 */
export function countLayer(
  before: Float32Array,
  after: Float32Array,
  {shape, n}: BlockGrid,
  plan: LayerPlan,
): LayerCounts {
  const [there, left] = [nonzeroBlocks(before, shape, n), nonzeroBlocks(after, shape, n)];
  const norms = 'sparsity' in plan ? l1BlockScores(before, shape, n) : new Float64Array();
  const {timing} = plan;
  const zerosBefore = countZeros(before);
  return {
    blocks: there.length,
    blocksBefore: countOnes(there),
    blocksAfter: countOnes(left),
    weightsBefore: weightsInBlocks(shape, n, there),
    weightsAfter: weightsInBlocks(shape, n, left),
    zerosBefore,
    zerosAfter: after === before ? zerosBefore : countZeros(after),
    l1Before: norms.reduce((sum, norm) => sum + norm, 0),
    l1After: norms.reduce((sum, norm, i) => (left[i] ? sum + norm : sum), 0),
    msAfter: timing
      ? choosePath(timing.geometry, layerStatistics(after, timing.geometry.filter), 'relaxed').expectedMs
      : null,
  };
}

function countOnes(mask: Uint8Array): number {
  let ones = 0;
  for (let i = 0; i < mask.length; i++) ones += mask[i];
  return ones;
}

function countZeros(weights: Float32Array): number {
  let zeros = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i] === 0) zeros++;
  return zeros;
}
