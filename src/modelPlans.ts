// The plans of loaded models.
import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {NamedTensorMap} from '@tensorflow/tfjs-core';
import {PlannedRuns, type PlanReport} from './backend';
import {type LayersModelLike, planExecution, planLayers} from './graph';

const plans = new WeakMap<object, PlannedRuns>();

/** Lets a loaded graph model's inferences run as programs where the backend is active by then. */
export function planModel(model: GraphModel): void {
  const runs = new PlannedRuns();
  if (planExecution(model, runs)) plans.set(model, runs);
}

/**
 * Lets a functional or sequential model of tfjs-layers run as graph models do on this backend: repeated calls of `predict`
 * and `predictOnBatch` become programs, whole stretches of kernels as one call. Outputs are the same, after `setWeights` and
 * `fit`, too. Layers are not called then, nor are their call hooks: what a layer computes must follow from its inputs and
 * weights (no state of its own, no random numbers). `predict` of more samples than one batch runs as ever.
 *
 * @returns undoes it and frees what is held; `model.dispose()` does so, too
 * @throws Error naming the layer if one is stateful
 */
export function planLayersModel(model: LayersModelLike): () => void {
  const runs = new PlannedRuns();
  plans.set(model, runs);
  return planLayers(model, runs);
}

/**
 * What is planned for a model: an entry for every kind of inference that was run lately, the last one last. An inference is
 * planned when it is run for the second time.
 *
 * @throws Error if the model was loaded before this package, or has ops that cannot be planned.
 */
export function inspectPlans(model: object): PlanReport[] {
  return plansOf(model).reports();
}

/**
 * Milliseconds of each task and call of a model's last inference with inputs of these shapes, and with the options and
 * threads of now, in the order of its plan. They run one by one for it.
 *
 * @param inputs as `model.execute` takes them
 * @returns null if it would not run as planned now
 * @throws Error as `inspectPlans`
 */
export function measurePlan(model: object, inputs: NamedTensorMap): number[] | null {
  const names = Object.keys(inputs).sort();
  return plansOf(model).measure(names.map((name) => inputs[name]));
}

function plansOf(model: object): PlannedRuns {
  const runs = plans.get(model);
  if (runs) return runs;
  throw new Error(
    'inspectPlans: nothing is planned for this model. Load it after this package is imported; models with random, hash ' +
      'table or custom ops are not planned.',
  );
}
