import {tensor} from '@tensorflow/tfjs-core';
import {sketchLayersModel, type LayerLeftAlone} from './layersGraph';
import {isLayersModel, layerPaths, type PrunableLayersModel} from './layersModel';
import {findStateful} from './planLayersModel';
import {pruneGraphModel, type OpenSolver} from './prune';
import type {PruneOptions} from './pruneOptions';
import type {PruneReport} from './pruneReport';

/** As of a graph model, with the names of layers; those within a model within the model are 'encoder/conv2d_1'. */
export interface LayersPruneReport extends PruneReport {
  /** Layers with weights that are neither convolutions nor dense, nor known to keep channels apart. */
  readonly others: readonly LayerLeftAlone[];
}

/**
 * Prunes a model of tfjs-layers in place: `pruneLayersModel` of the package.
 *
 * @param openSolver solves the least squares problems of a calibration
 */
export async function pruneLayersModel(
  model: PrunableLayersModel,
  options: PruneOptions,
  openSolver?: OpenSolver,
): Promise<LayersPruneReport> {
  if (!isLayersModel(model)) {
    throw new TypeError(
      'pruneLayersModel: a model of tfjs-layers expected, as loadLayersModel gives it. For graph models there is pruneGraphModel.',
    );
  }
  if (model.outputs.length === 0) {
    throw new Error(`pruneLayersModel: model '${model.name}' is not built: give its first layer an inputShape.`);
  }
  if (options.calibration !== undefined) checkComputable(model);
  const {sketch, leftAlone} = sketchLayersModel(model);
  const before = await sketch.toArtifacts();
  const close = sketch.open();
  const {artifacts, report} = await pruneGraphModel(before, options, openSolver).finally(close);
  // All is computed by now: an error leaves the model as it was.
  for (const {weight, values} of [...sketch.changedWeights(before, artifacts)]) {
    const pruned = tensor(values, weight.shape as number[]);
    weight.write(pruned);
    pruned.dispose();
  }
  return {...report, others: leftAlone};
}

/** @throws Error that names a layer whose outputs do not follow from its inputs and weights alone. */
function checkComputable(model: PrunableLayersModel): void {
  const refuse = (name: string, why: string): never => {
    throw new Error(
      `pruneLayersModel: layer '${name}' ${why}, so what the model computes cannot be followed layer by layer. Leave ` +
        'calibration out, or convert the model to a graph model.',
    );
  };
  const stateful = findStateful(model.layers);
  if (stateful) refuse(stateful.name, 'is stateful');
  for (const [layer, path] of layerPaths(model)) {
    const {maskZero} = layer.getConfig() as {readonly maskZero?: boolean};
    if (maskZero || layer.getClassName() === 'Masking') refuse(path, 'makes a mask');
  }
}
