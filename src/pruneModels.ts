/** Pruning, with what solves its least squares problems. */
import type {io} from '@tensorflow/tfjs-core';
import {
  pruneGraphModel as prune,
  pruneLayersModel as pruneLayers,
  pruneOnLoad as pruneLoaded,
  type LayersPruneReport,
  type PrunableLayersModel,
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
 * Prunes a functional or sequential model of tfjs-layers by the options of `pruneGraphModel`: the kernels of Conv2D, the
 * pointwise ones of SeparableConv2D, and those of Dense on request. The weights change in place: the model saves as ever,
 * and trains on (see `getMasks`). Its variables stay, too, but what an optimiser has gathered about channels that were
 * rearranged does not follow them: compile the model after pruning.
 *
 * Layers stay where they are, their outputs may come in another order of channels. So models that share layers with this
 * one and are cut off between them, say to get at features, are to be made of the pruned model; `rearrange: false` keeps
 * all orders. Layers called more than once, and whatever is used by layers outside the model, keep theirs.
 *
 * With `calibration` weights are repaired as those of a graph model. A batch normalisation stays a layer of its own: of what
 * is before it all values are fitted, those too that an activation behind it would cut off.
 *
 * @throws TypeError for what is no layers model, Error for one that is not built yet, and where samples are given for one
 *     with layers that hang on more than their inputs.
 * @throws TypeError or RangeError for options that make no sense, naming the option or layer.
 */
export function pruneLayersModel(model: PrunableLayersModel, options: PruneOptions): Promise<LayersPruneReport> {
  return pruneLayers(model, options, openSolver);
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
