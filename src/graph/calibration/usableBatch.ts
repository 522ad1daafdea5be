import {dispose, type NamedTensorMap} from '@tensorflow/tfjs-core';
import {readShape} from '../attributes';
import type {ModelGraph} from '../modelGraph';
import type {ComparedOutput} from './outputs';
import type {Samples} from './samples';
import type {ScratchModel} from './scratchModel';

const BATCH = 8;
/** Rounding changes with the batch, in units of the output's range. */
const TOLERANCE = 1e-3;

/**
 * How many samples can go through a model at once: several where its inputs leave that open and two samples together give
 * what each gives alone, else one.
 *
 * @throws RangeError for an input of a fixed batch of several, which single samples do not fill
 */
export async function usableBatch(
  model: ScratchModel,
  graph: ModelGraph,
  outputs: readonly ComparedOutput[],
  samples: Samples,
): Promise<number> {
  const fixed = graph
    .inputNames()
    .map((name) => ({name, size: readShape(graph.node(name), 'shape')?.[0] ?? -1}))
    .filter(({size}) => size > 0);
  const several = fixed.find(({size}) => size > 1);
  if (several) {
    throw new RangeError(
      `Input '${several.name}' takes ${several.size} samples at once and no others: convert the model with a batch size of 1 ` +
        "or an open one to prune it with 'calibration'.",
    );
  }
  if (fixed.length > 0) return 1;
  const names = outputs.map(({name}) => name);
  const pair = samples.fit.slice(0, 2);
  const run = async (size: number): Promise<NamedTensorMap[]> => {
    const results: NamedTensorMap[] = [];
    for await (const {feeds} of samples.batches(pair, size)) {
      results.push(await model.run(feeds, names));
      dispose(feeds);
    }
    return results;
  };
  const single = await run(1);
  const both = await run(2).catch(() => []);
  const alike = both.length === 1 && names.every((name) => matches(both[0], single, name));
  dispose([...single, ...both] as never);
  return alike ? BATCH : 1;
}

function matches(both: NamedTensorMap, single: readonly NamedTensorMap[], name: string): boolean {
  const all = both[name].dataSync();
  const parts = single.map((result) => result[name].dataSync());
  if (both[name].shape[0] !== 2 || all.length !== parts[0].length + parts[1].length) return false;
  // Images have more values than a call takes arguments.
  let [low, high, error] = [Infinity, -Infinity, 0];
  all.forEach((value, i) => {
    const alone = i < parts[0].length ? parts[0][i] : parts[1][i - parts[0].length];
    low = Math.min(low, alone);
    high = Math.max(high, alone);
    error = Math.max(error, Math.abs(value - alone));
  });
  return error <= TOLERANCE * (high - low);
}
