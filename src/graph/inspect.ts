/** What a model's weights look like and what the backend would make of them. */
import type {io} from '@tensorflow/tfjs-core';
import {blockStatistics, type BlockSize} from '../packed';
import {choosePath, layerStatistics, winogradTiles, type LayerPath, type PathCandidate, type Variant} from '../plan';
import {readSpatial} from './attributes';
import {ModelGraph} from './modelGraph';
import {unpackArtifacts} from './packed';
import {listLayers, readFilter} from './pruneLayers';
import {inferShapes, type Shape} from './shapes';

export interface InspectOptions {
  /** Shapes of the model's inputs by node name, in place of those in the graph, e.g. `{input: [1, 224, 224, 3]}`. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
  /** The kernels to estimate for. Default 'relaxed'. */
  readonly variant?: Variant;
}

/** One convolution or MatMul with constant weights. Plain data, ready for JSON. */
export interface LayerInspection {
  readonly name: string;
  readonly op: string;
  /** `[kh, kw, inChannels, outChannels]`; a MatMul's `[K, M]` is `[1, 1, K, M]`. */
  readonly shape: readonly [number, number, number, number];
  readonly weights: number;
  /** Weights that are zero. */
  readonly zeros: number;
  /** For every N: blocks that hold a nonzero, and all blocks. */
  readonly blocks: Readonly<Record<BlockSize, {readonly nonzero: number; readonly all: number}>>;
  /** Output pixels over the batch that the estimate is for. */
  readonly outputPixels: number;
  /** False where the graph does not tell them: they are then `DEFAULT_OUTPUT_PIXELS`. */
  readonly outputPixelsKnown: boolean;
  /** What the backend would choose. */
  readonly path: LayerPath;
  /** Expected milliseconds of that path on the cost model's reference core. */
  readonly expectedMs: number;
  /** All that could be chosen, cheapest first. */
  readonly candidates: readonly PathCandidate[];
}

export interface ModelInspection {
  readonly variant: Variant;
  readonly layers: readonly LayerInspection[];
}

/** Output pixels to estimate for where a graph does not tell: 14 x 14, the middle of a mobile network. */
export const DEFAULT_OUTPUT_PIXELS = 196;

/**
 * Lists the convolutions and MatMuls of a graph model that have constant weights: their zeros, their blocks, and which
 * path the backend would choose.
 *
 * @throws where the artifacts hold no graph model, or `inputShapes` names no input of it.
 */
export function inspectModel(artifacts: io.ModelArtifacts, options: InspectOptions = {}): ModelInspection {
  const {inputShapes, variant = 'relaxed'} = options;
  const graph = ModelGraph.from(unpackArtifacts(artifacts));
  const shapes = inferShapes(graph, inputShapes);
  const layers = listLayers(graph, shapes).map((layer): LayerInspection => {
    const {name, op, kh, kw, inChannels, outChannels, outputPixels: pixels} = layer.description;
    const filter = {kh, kw, inChannels, outChannels};
    const weights = readFilter(graph, layer);
    const statistics = blockStatistics(weights, filter);
    const batch = shapes.get(name)?.[0] ?? 1;
    const outputPixels = pixels === null ? DEFAULT_OUTPUT_PIXELS : pixels * batch;
    const node = graph.node(name);
    const steps = [...readSpatial(node, 'strides'), ...readSpatial(node, 'dilations')];
    const side = Math.sqrt(DEFAULT_OUTPUT_PIXELS);
    const outShape = pixels === null ? [1, side, side] : shapes.get(name)!.map((size) => size ?? 1);
    const {path, expectedMs, candidates} = choosePath(
      {filter, outputPixels, winogradTiles: winogradTiles(filter, steps, outShape)},
      layerStatistics(weights, filter),
      variant,
    );
    return {
      name,
      op,
      shape: [kh, kw, inChannels, outChannels],
      weights: statistics.size,
      zeros: statistics.size - statistics.nonzeros,
      blocks: blocksPerSize(statistics.kept, statistics.total),
      outputPixels,
      outputPixelsKnown: pixels !== null,
      path,
      expectedMs,
      candidates,
    };
  });
  return {variant, layers};
}

type CountPerSize = Readonly<Record<BlockSize, number>>;

function blocksPerSize(kept: CountPerSize, total: CountPerSize): LayerInspection['blocks'] {
  const entries = Object.entries(kept).map(([n, nonzero]) => [n, {nonzero, all: total[Number(n) as BlockSize]}]);
  return Object.fromEntries(entries) as LayerInspection['blocks'];
}
