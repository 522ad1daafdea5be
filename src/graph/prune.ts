/**
 * Pruning of graph models after Lin et al., "1xN Pattern for Pruning Convolutional Neural Networks" (arXiv
 * 2105.14713): filters are rearranged, by their l1 norm or by search, the inputs of what consumes them follow, and in each
 * layer the 1xN blocks of lowest score become zeros.
 */
import type {io} from '@tensorflow/tfjs-core';
import {nonzeroBlocks} from '../packed';
import {
  applyMask,
  blockGrid,
  blockScores,
  layerSeed,
  plainBlockRowSolver,
  selectBlocks,
  type BlockRowSolver,
  type KeptShares,
} from '../pruning';
import {findChannelGroups} from './coupling';
import {chooseForLayer, type LayerChoice} from './layerChoice';
import {countLayer} from './layerCounts';
import {layerGeometry} from './layerGeometry';
import {settlePlans, type LayerPlan} from './layerPlans';
import {readWeightStream} from './loadHook';
import {ModelGraph} from './modelGraph';
import {checkLayerNames, checkPruneOptions} from './pruneChecks';
import {unpackArtifacts} from './packed';
import {listLayers, readFilter, writeFilter, type Layer} from './pruneLayers';
import {orderMethod, type PruneOptions} from './pruneOptions';
import {reportLayer, reportModel, type LayerCounts, type LayerReport, type PruneReport} from './pruneReport';
import {orderingMethod, type PlannedRate} from './orderingMethods';
import {planOrders} from './planOrders';
import {measurePruned} from './measurePruned';
import {pruneWithSamples} from './pruneWithSamples';
import {rearrangeChannels} from './rearrange';
import {inferShapes, type ShapeMap} from './shapes';
import {isPromiseLike, whenReady} from './whenReady';

/** Makes what solves the least squares problems of a calibration. */
export type OpenSolver = () => BlockRowSolver & {dispose(): void};

const openPlainSolver: OpenSolver = () => ({...plainBlockRowSolver, dispose: () => undefined});

/** A pruned model and what was done to it. */
export interface PruneResult {
  /** An ordinary graph model, for any backend: pruned weights are zeros in place. */
  readonly artifacts: io.ModelArtifacts;
  readonly report: PruneReport;
}

/**
 * Prunes a graph model. The artifacts given are not changed; weights of layers left alone stay byte for byte what they
 * are, pruned or rearranged ones become plain float32. The same artifacts and options give the same bytes.
 *
 * Every node keeps its name: one whose channels were rearranged is renamed, and under its old name stands a node that
 * puts them back into order when it is fetched.
 *
 * Pruning lowers accuracy: nothing is repaired here. `report.accuracy` says so.
 *
 * @throws TypeError or RangeError for options that make no sense, naming the option or layer, and for a budget that the
 *     model cannot meet, with the most that it can.
 */
export async function pruneGraphModel(
  artifacts: io.ModelArtifacts,
  options: PruneOptions,
  openSolver: OpenSolver = openPlainSolver,
): Promise<PruneResult> {
  return pruneWhenReady(unpackArtifacts(await readWeightStream(artifacts)), options, openSolver);
}

/**
 * As `pruneGraphModel`, synchronously.
 *
 * @throws where a function among the options returns a promise, too.
 */
export function pruneArtifacts(artifacts: io.ModelArtifacts, options: PruneOptions): PruneResult {
  const result = pruneWhenReady(unpackArtifacts(artifacts), options);
  if (!isPromiseLike(result)) return result;
  // Nobody will look at this promise: its failure must not end the process.
  result.catch(() => undefined);
  throw new Error(
    "pruneArtifacts cannot wait, but a function in the option 'n' or 'sparsity' returned a promise: " +
      'use pruneGraphModel.',
  );
}

/** The pruned model, or a promise of it where a function among the options gives one, or samples are used. */
export function pruneWhenReady(
  artifacts: io.ModelArtifacts,
  options: PruneOptions,
  openSolver: OpenSolver = openPlainSolver,
): PruneResult | Promise<PruneResult> {
  checkPruneOptions(options);
  if (options.calibration !== undefined) return pruneAndRepair(artifacts, options, openSolver);
  const graph = ModelGraph.from(artifacts);
  const shapes = inferShapes(graph);
  const layers = listLayers(graph, shapes);
  const descriptions = layers.map((layer) => layer.description);
  checkLayerNames(options, descriptions);
  const choices = descriptions.map((layer) => chooseForLayer(options, layer));
  const settled = choices.some(isPromiseLike) ? Promise.all(choices) : (choices as LayerChoice[]);
  return whenReady(settled, (ready) => prune(artifacts, graph, shapes, layers, ready, options));
}

async function pruneAndRepair(
  artifacts: io.ModelArtifacts,
  options: PruneOptions,
  openSolver: OpenSolver,
): Promise<PruneResult> {
  if (options.repair === 'none') {
    const without = {
      calibration: undefined,
      samples: undefined,
      labels: undefined,
      onProgress: undefined,
      signal: undefined,
    };
    return measurePruned(artifacts, await pruneWhenReady(artifacts, {...options, ...without}), options);
  }
  const solver = openSolver();
  try {
    return await pruneWithSamples(artifacts, options, solver);
  } finally {
    solver.dispose();
  }
}

function prune(
  artifacts: io.ModelArtifacts,
  graph: ModelGraph,
  shapes: ShapeMap,
  layers: readonly Layer[],
  choices: readonly LayerChoice[],
  options: PruneOptions,
): PruneResult {
  const plans = settlePlans(graph, shapes, layers, choices, options);
  const method = orderMethod(options);
  const {pattern = '1xN'} = options;
  const keepOrder =
    pattern === '1xN'
      ? 'the option rearrange is false'
      : `for the pattern '${pattern}' the order of filters is all one`;

  const found = findChannelGroups(graph, shapes);
  const chosen = layers.filter((_, i) => method !== 'none' && 'sparsity' in plans[i]);
  const keptByOrder = new Map<Layer, KeptShares>();
  const ordering = orderingMethod(method, {
    geometryOf: ({description}) => layerGeometry(graph, shapes, description),
    rateOf: (layer) => plans[layers.indexOf(layer)] as PlannedRate,
    seed: options.seed ?? 0,
    report: (layer, kept) => keptByOrder.set(layer, kept),
  });
  const {rearrangements, notRearranged} = planOrders(graph, found, chosen, ordering);
  const renamed = rearrangeChannels(graph, found, rearrangements);

  const counts: LayerCounts[] = [];
  const reports: LayerReport[] = [];
  layers.forEach((layer, i) => {
    const node = graph.node(renamed.get(layer.description.name) ?? layer.description.name);
    const weight = graph.constantBehind(graph.inputs(node)[1].node)!;
    const count = pruneLayer(graph, {...layer, weight}, plans[i], options);
    counts.push(count);
    const whyNot = method === 'none' ? keepOrder : notRearranged(layer);
    reports.push(reportLayer(layer.description, count, plans[i], whyNot, keptByOrder.get(layer) ?? null));
  });
  const report = reportModel(reports, counts, options);
  const changed = rearrangements.length > 0 || !report.lossless;
  return {artifacts: changed ? graph.toArtifacts() : artifacts, report};
}

/** Zeros the blocks of lowest score and counts what was there and what is left. */
function pruneLayer(graph: ModelGraph, layer: Layer, plan: LayerPlan, options: PruneOptions): LayerCounts {
  const {pattern = '1xN', criterion = 'l1', seed = 0} = options;
  const {name} = layer.description;
  const grid = blockGrid(pattern, layer.description, plan.n);
  const filter = readFilter(graph, layer);
  let pruned = filter;
  if ('sparsity' in plan) {
    const scores = blockScores(criterion, filter, grid.shape, grid.n, layerSeed(seed, name));
    const keep = selectBlocks(scores, plan.sparsity);
    const nonzero = nonzeroBlocks(filter, grid.shape, grid.n);
    // Where nothing but zeros would go, the weights stay byte for byte.
    if (nonzero.some((bit, i) => bit > keep[i])) pruned = applyMask(filter, grid.shape, grid.n, keep);
  }
  if (pruned !== filter) writeFilter(graph, layer, pruned);
  return countLayer(filter, pruned, grid, plan);
}
