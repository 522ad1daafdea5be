import {dispose} from '@tensorflow/tfjs-core';
import type {BlockSize} from '../../packed';
import {TRIAL_RATES, type BlockRowSolver} from '../../pruning';
import type {ModelGraph} from '../modelGraph';
import {QualityMeter, type ComparedOutput} from './outputs';
import type {Progress} from './progress';
import {storedWeights, type LayerWeights} from './layerFit';
import {trialOrder, trialWeights, type Candidate} from './saliency';
import type {Samples} from './samples';
import type {ScratchModel} from './scratchModel';
import type {Frontiers} from './walk';
import type {WalkLayer} from './walkLayers';

/** A candidate and how the walk knows it. */
export interface CandidateLayer {
  readonly candidate: Candidate;
  readonly layer: WalkLayer;
  /** The sizes of blocks to try. */
  readonly sizes: readonly BlockSize[];
}

/**
 * What the outputs lose when one layer alone is pruned: by layer and N a loss for each of `TRIAL_RATES`.
 *
 * @param rate for which filters are put into order
 * @param networks two copies of the dense network: weights of the second are changed and put back
 */
export async function lossCurves(
  layers: readonly CandidateLayer[],
  solver: BlockRowSolver,
  networks: {readonly dense: ScratchModel; readonly pruned: ScratchModel},
  outputs: readonly ComparedOutput[],
  samples: Samples,
  which: readonly number[],
  batchSize: number,
  rate: number,
  seed: number,
  progress: Progress,
  {graph, frontiers}: {readonly graph: ModelGraph; readonly frontiers: Frontiers},
): Promise<Map<string, Map<BlockSize, readonly number[]>>> {
  const names = outputs.map(({name}) => name);
  const curves = new Map<string, Map<BlockSize, readonly number[]>>();
  let done = 0;
  for (const {candidate, layer, sizes} of layers) {
    const curve = new Map<BlockSize, readonly number[]>();
    curves.set(candidate.name, curve);
    const trials = [];
    for (const n of sizes) {
      const order = trialOrder(candidate, n, rate, seed);
      trials.push(...(await trialWeights(solver, candidate, n, order, TRIAL_RATES)));
      await progress.tell(done / layers.length);
    }
    const set = (weights: LayerWeights) => {
      for (const [name, values] of storedWeights(layer, weights)) {
        networks.pruned.setWeight(name, values, graph.weightShape(name));
      }
    };
    const frontier = frontiers.before(layer.name);
    const meters = trials.map(() => new QualityMeter(outputs, undefined));
    for await (const {feeds, indices} of samples.batches(which, batchSize)) {
      const dense = await networks.dense.run(feeds, [...names, ...(frontier ?? [])]);
      const from = frontier ? Object.fromEntries(frontier.map((name) => [name, dense[name]])) : feeds;
      for (const [i, weights] of trials.entries()) {
        set(weights);
        const pruned = await networks.pruned.run(from, names);
        meters[i].add(dense, pruned, indices);
        dispose(pruned);
      }
      dispose([feeds, dense] as never);
      await progress.tell(done / layers.length);
    }
    set(candidate.dense);
    sizes.forEach((n, s) => {
      curve.set(
        n,
        TRIAL_RATES.map((_, r) => meters[s * TRIAL_RATES.length + r].loss),
      );
    });
    done++;
  }
  return curves;
}
