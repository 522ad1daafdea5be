/** Pruning, with what solves its least squares problems. */
import type {io} from '@tensorflow/tfjs-core';
import {
  pruneGraphModel as prune,
  pruneOnLoad as pruneLoaded,
  type PruneOnLoadOptions,
  type PruneOptions,
  type PruneResult,
} from './graph';
import {createBlockRowSolver} from './runtime';

const openSolver = () => createBlockRowSolver();

/**
 * Prunes a graph model. The artifacts given are not changed; weights of layers left alone stay byte for byte what they
 * are, pruned or rearranged ones become plain float32. The same artifacts and options give the same bytes.
 *
 * Every node keeps its name: one whose channels were rearranged is renamed, and under its old name stands a node that
 * puts them back into order when it is fetched.
 *
 * Pruning lowers accuracy. With `calibration` blocks are chosen and weights are repaired by what the network computes on
 * samples, on the backend that is active, and `report.repair` tells what was measured on samples that were kept out of it.
 * Without, nothing is repaired, and `report.accuracy` says so.
 *
 * @throws TypeError or RangeError for options that make no sense, naming the option or layer, and for a budget that the
 *     model cannot meet, with the most that it can.
 */
export function pruneGraphModel(artifacts: io.ModelArtifacts, options: PruneOptions): Promise<PruneResult> {
  return prune(artifacts, options, openSolver);
}

/**
 * Prunes every graph model that is loaded from now on, by whatever way; `null` ends that. Options hold until the next
 * call. `loadGraphModelSync` works too, unless a function among the options returns a promise, or samples are used.
 *
 * A model is pruned whatever backend is active. See `pruneGraphModel` for what is done to it.
 *
 * @throws TypeError or RangeError at once for options that make no sense; names of layers are checked when a model
 *     is loaded.
 */
export function pruneOnLoad(options: PruneOnLoadOptions | null): void {
  pruneLoaded(options, openSolver);
}
