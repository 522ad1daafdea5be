import {tensor} from '@tensorflow/tfjs-core';
import {sketchLayersModel, type LayerLeftAlone} from './layersGraph';
import {isLayersModel, type PrunableLayersModel} from './layersModel';
import {pruneGraphModel} from './prune';
import type {PruneOptions} from './pruneOptions';
import type {PruneReport} from './pruneReport';

/** As of a graph model, with the names of layers; those within a model within the model are 'encoder/conv2d_1'. */
export interface LayersPruneReport extends PruneReport {
  /** Layers with weights that are neither convolutions nor dense, nor known to keep channels apart. */
  readonly others: readonly LayerLeftAlone[];
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
 * @throws TypeError for what is no layers model, Error for one that is not built yet, and where samples are given.
 * @throws TypeError or RangeError for options that make no sense, naming the option or layer.
 */
export async function pruneLayersModel(model: PrunableLayersModel, options: PruneOptions): Promise<LayersPruneReport> {
  if (!isLayersModel(model)) {
    throw new TypeError(
      'pruneLayersModel: a model of tfjs-layers expected, as loadLayersModel gives it. For graph models there is pruneGraphModel.',
    );
  }
  if (model.outputs.length === 0) {
    throw new Error(`pruneLayersModel: model '${model.name}' is not built: give its first layer an inputShape.`);
  }
  if (options.calibration !== undefined) {
    throw new Error(
      "pruneLayersModel: 'calibration' goes with graph models alone. Convert the model to one (tensorflowjs_converter " +
        '--output_format=tfjs_graph_model) and use pruneGraphModel, or train on under masks: see maskCallback.',
    );
  }
  const {sketch, leftAlone} = sketchLayersModel(model);
  const before = await sketch.toArtifacts();
  const {artifacts, report} = await pruneGraphModel(before, options);
  // All is computed by now: an error leaves the model as it was.
  for (const {weight, values} of [...sketch.changedWeights(before, artifacts)]) {
    const pruned = tensor(values, weight.shape as number[]);
    weight.write(pruned);
    pruned.dispose();
  }
  return {...report, others: leftAlone};
}
