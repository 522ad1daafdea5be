// What of a model runs as regions: counts. Runs in Node and, bundled, in a page.
import {OURS} from './benchmark.mjs';
import {tfjsEngine} from './engine.mjs';
import {planInputs} from './inputs.mjs';
import {surveyOps} from './kernelTrace.mjs';

/** The second inference of a kind is noted, the third runs as its program. */
const INFERENCES = 3;

/**
 * @typedef {object} ModelRegions
 * @property {number} kernels that tfjs calls in an inference; those that only give data another shape do not count
 * @property {number} inRegions of these, those that regions compute
 * @property {number} regions
 * @property {number} chains tasks that take several kernels through strips of rows
 * @property {Record<string, number>} splitBy kernels that are called between two regions
 * @property {Record<string, number>} around kernels of the plan that are called before the first region or after the last
 * @property {number} outside kernels that the plan has no part in: of constants, of control flow, or without use
 * @property {string | null} obstacle why nothing is planned
 */

/**
 * Loads a model and runs it until it is planned.
 *
 * @param {object} host `tf`, `blocksparse`, `loadModel` and `format` as of `runBenchmark`; our backend is active
 * @returns {Promise<ModelRegions>}
 */
export async function surveyRegions({tf, blocksparse, loadModel, format}) {
  let model;
  const engine = tfjsEngine({
    ...{name: OURS, weights: 'untouched', backend: OURS, tf},
    plan: (loaded) => planInputs(loaded, {format}),
    async loadModel() {
      model = await loadModel();
      if (format === 'layers') blocksparse.planLayersModel(model);
      return model;
    },
  });
  await engine.load();
  engine.prepare();
  const infer = async () => (await engine.run()).release();
  try {
    blocksparse.configure({regions: false});
    await infer(); // packs weights, and finds out that a model needs executeAsync
    const ops = await surveyOps({tf, backendName: OURS, executor: model.executor}, infer);
    blocksparse.configure({regions: true});
    for (let i = 0; i < INFERENCES; i++) await infer();
    return countRegions(
      lastPlan(blocksparse, model),
      ops.filter(({view}) => !view),
    );
  } finally {
    blocksparse.configure({regions: true});
    engine.dispose();
  }
}

/**
 * The plan of the inference that was run last; an empty one with its obstacle where there is none.
 *
 * @param {typeof import('../../src/index')} blocksparse
 */
export function lastPlan(blocksparse, model) {
  const none = {steps: [], kernelsInRegions: 0, arenaBytes: 0, programBytes: 0};
  try {
    return blocksparse.inspectPlans(model).at(-1) ?? {...none, obstacle: 'no inference of it can be'};
  } catch (error) {
    return {...none, obstacle: error.message};
  }
}

/**
 * @param {import('../../src/index').PlanReport} plan
 * @param {readonly object[]} ops kernels that an inference calls where nothing is planned
 * @returns {ModelRegions}
 */
export function countRegions({obstacle, steps, kernelsInRegions}, ops) {
  const isRegion = steps.map(({tasks}) => tasks !== undefined);
  const [first, last] = [isRegion.indexOf(true), isRegion.lastIndexOf(true)];
  const callsWhere = (isThere) => countNames(steps.flatMap(({call}, i) => (call && isThere(i) ? [call] : [])));
  const calls = isRegion.filter((region) => !region).length;
  return {
    kernels: ops.length,
    inRegions: kernelsInRegions,
    regions: steps.length - calls,
    chains: steps.flatMap(({tasks = []}) => tasks).filter(({kernels}) => kernels.includes(' > ')).length,
    splitBy: callsWhere((i) => i > first && i < last),
    around: callsWhere((i) => i < first || i > last),
    outside: ops.length - kernelsInRegions - calls,
    obstacle,
  };
}

function countNames(names) {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
