import {dispose, mean, square, sub, sum, tidy, type Tensor} from '@tensorflow/tfjs-core';
import type {Samples} from './samples';
import type {ScratchModel} from './scratchModel';
import type {WalkLayer} from './walkLayers';

const LAYERS_AT_ONCE = 12;

/** How far the outputs of each layer are from the dense network's on samples kept out: squared error over variance. */
export async function layerErrors(
  networks: {readonly dense: ScratchModel; readonly pruned: ScratchModel},
  layers: readonly WalkLayer[],
  samples: Samples,
  batchSize: number,
): Promise<Array<{name: string; relativeError: number}>> {
  const results: Array<{name: string; relativeError: number}> = [];
  for (let from = 0; from < layers.length; from += LAYERS_AT_ONCE) {
    const names = layers.slice(from, from + LAYERS_AT_ONCE).map(({name}) => name);
    const sums = names.map(() => [0, 0]);
    for await (const {feeds} of samples.batches(samples.keptOut, batchSize)) {
      const dense = await networks.dense.run(feeds, names);
      const pruned = await networks.pruned.run(feeds, names);
      names.forEach((name, i) => {
        sums[i][0] += number(() => sum(square(sub(dense[name], pruned[name]))));
        // About the means of each channel in the batch.
        sums[i][1] += number(() => {
          const axes = [...dense[name].shape.keys()].slice(0, -1);
          return sum(square(sub(dense[name], mean(dense[name], axes, true))));
        });
      });
      dispose([feeds, dense, pruned] as never);
    }
    names.forEach((name, i) => {
      const [error, variance] = sums[i];
      results.push({name, relativeError: variance > 0 ? error / variance : 0});
    });
  }
  return results;
}

function number(f: () => Tensor): number {
  const result = tidy(f);
  const [value] = result.dataSync();
  result.dispose();
  return value;
}
