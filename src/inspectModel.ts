import type {io} from '@tensorflow/tfjs-core';
import type {PlanReport} from './backend';
import {inspectModel as inspectWeights, type InspectOptions, type ModelInspection} from './graph';
import {inspectPlans} from './modelPlans';

export interface InspectModelOptions extends InspectOptions {
  /** The model that these artifacts were loaded as: what is planned for its inferences is told, too. */
  readonly model?: object;
}

export interface InspectedModel extends ModelInspection {
  /** As of `inspectPlans`; left out where no model is given. */
  readonly plans?: readonly PlanReport[];
}

/**
 * Lists the convolutions and MatMuls of a graph model that have constant weights: their zeros, their blocks, and which
 * path the backend would choose; and for a loaded model the regions of the inferences that it has run.
 *
 * @throws Error where the artifacts hold no graph model, `inputShapes` names no input of it, or as `inspectPlans`.
 */
export function inspectModel(
  artifacts: io.ModelArtifacts,
  {model, ...options}: InspectModelOptions = {},
): InspectedModel {
  const inspection = inspectWeights(artifacts, options);
  return model ? {...inspection, plans: inspectPlans(model)} : inspection;
}
