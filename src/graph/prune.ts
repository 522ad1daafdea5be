/**
 * Pruning of graph models after Lin et al., "1xN Pattern for Pruning Convolutional Neural Networks" (arXiv
 * 2105.14713): filters are rearranged by their l1 norm, the inputs of what consumes them follow, and in each layer the
 * 1xN blocks of lowest score become zeros.
 */
import type {io} from '@tensorflow/tfjs-core';
import {nonzeroBlocks, type BlockSize} from '../packed';
import {applyMask, l1BlockScores, layerSeed, randomBlockScores, selectBlocks, weightsInBlocks} from '../pruning';
import {findChannelGroups} from './coupling';
import {readWeightStream} from './loadHook';
import {ModelGraph} from './modelGraph';
import {listLayers, readFilter, writeFilter, type Layer} from './pruneLayers';
import {checkLayerNames, checkPruneOptions, chooseForLayer, type LayerChoice, type PruneOptions} from './pruneOptions';
import {reportLayer, reportModel, type LayerCounts, type LayerReport, type PruneReport} from './pruneReport';
import {planOrders, sortedByNorm} from './planOrders';
import {rearrangeChannels} from './rearrange';
import {inferShapes, type ShapeMap} from './shapes';
import {isPromiseLike, whenReady} from './whenReady';

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
 * @throws TypeError or RangeError for options that make no sense, naming the option or layer.
 */
export async function pruneGraphModel(artifacts: io.ModelArtifacts, options: PruneOptions): Promise<PruneResult> {
  return pruneWhenReady(await readWeightStream(artifacts), options);
}

/**
 * As `pruneGraphModel`, synchronously.
 *
 * @throws where a function among the options returns a promise, too.
 */
export function pruneArtifacts(artifacts: io.ModelArtifacts, options: PruneOptions): PruneResult {
  const result = pruneWhenReady(artifacts, options);
  if (!isPromiseLike(result)) return result;
  // Nobody will look at this promise: its failure must not end the process.
  result.catch(() => undefined);
  throw new Error(
    "pruneArtifacts cannot wait, but a function in the option 'n' or 'sparsity' returned a promise: " +
      'use pruneGraphModel.',
  );
}

/** The pruned model, or a promise of it where a function among the options gives one. */
export function pruneWhenReady(
  artifacts: io.ModelArtifacts,
  options: PruneOptions,
): PruneResult | Promise<PruneResult> {
  checkPruneOptions(options);
  const graph = ModelGraph.from(artifacts);
  const shapes = inferShapes(graph);
  const layers = listLayers(graph, shapes);
  const descriptions = layers.map((layer) => layer.description);
  checkLayerNames(options, descriptions);
  const choices = descriptions.map((layer) => chooseForLayer(options, layer));
  const settled = choices.some(isPromiseLike) ? Promise.all(choices) : (choices as LayerChoice[]);
  return whenReady(settled, (ready) => prune(artifacts, graph, shapes, layers, ready, options));
}

function prune(
  artifacts: io.ModelArtifacts,
  graph: ModelGraph,
  shapes: ShapeMap,
  layers: readonly Layer[],
  choices: readonly LayerChoice[],
  options: PruneOptions,
): PruneResult {
  const whyAlone = layers.map((layer, i) => {
    const choice = choices[i];
    return 'leftAlone' in choice ? choice.leftAlone : (layer.fixed ?? null);
  });

  const found = findChannelGroups(graph, shapes);
  const chosen = layers.filter((_, i) => whyAlone[i] === null && options.rearrange !== false);
  const {rearrangements, notRearranged} = planOrders(graph, found, chosen, sortedByNorm);
  const renamed = rearrangeChannels(graph, found, rearrangements);

  const counts: LayerCounts[] = [];
  const reports: LayerReport[] = [];
  layers.forEach((layer, i) => {
    const node = graph.node(renamed.get(layer.description.name) ?? layer.description.name);
    const weight = graph.constantBehind(graph.inputs(node)[1].node)!;
    const choice = choices[i];
    const sparsity = whyAlone[i] === null && 'sparsity' in choice ? choice.sparsity : null;
    const count = pruneLayer(graph, {...layer, weight}, choice.n, sparsity ?? 0, options);
    counts.push(count);
    reports.push(
      reportLayer(layer.description, count, {
        sparsity,
        notRearranged: options.rearrange === false ? 'the option rearrange is false' : notRearranged(layer),
        leftAlone: whyAlone[i],
      }),
    );
  });
  const report = reportModel(reports, counts);
  const changed = rearrangements.length > 0 || !report.lossless;
  return {artifacts: changed ? graph.toArtifacts() : artifacts, report};
}

/** Zeros the blocks of lowest score and counts what was there and what is left. */
function pruneLayer(
  graph: ModelGraph,
  layer: Layer,
  n: BlockSize,
  sparsity: number,
  {criterion, seed}: PruneOptions,
): LayerCounts {
  const shape = layer.description;
  const filter = readFilter(graph, layer);
  const norms = l1BlockScores(filter, shape, n);
  const scores =
    criterion === 'random' ? randomBlockScores(shape, n, layerSeed(seed ?? 0, layer.description.name)) : norms;
  const before = nonzeroBlocks(filter, shape, n);
  const keep = selectBlocks(scores, sparsity);
  const after = before.map((nonzero, i) => nonzero & keep[i]);
  const blocksBefore = countOnes(before);
  const blocksAfter = countOnes(after);
  if (blocksAfter < blocksBefore) writeFilter(graph, layer, applyMask(filter, shape, n, keep));
  return {
    n,
    blocksBefore,
    blocksAfter,
    weightsBefore: weightsInBlocks(shape, n, before),
    weightsAfter: weightsInBlocks(shape, n, after),
    l1Before: norms.reduce((sum, norm) => sum + norm, 0),
    l1After: norms.reduce((sum, norm, i) => (after[i] ? sum + norm : sum), 0),
  };
}

const countOnes = (mask: Uint8Array): number => mask.reduce((sum, bit) => sum + bit, 0);
