/** What a model's weights look like and what the backend would make of them. */
import type {io} from '@tensorflow/tfjs-core';
import {blockStatistics, type BlockSize} from '../packed';
import {choosePath, layerStatistics, type LayerPath, type PathCandidate, type Variant} from '../plan';
import {layerGeometry} from './layerGeometry';
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
    const {name, op, outputPixels: pixels} = layer.description;
    const geometry = layerGeometry(graph, shapes, layer.description);
    const {filter, outputPixels} = geometry;
    const {kh, kw, inChannels, outChannels} = filter;
    const weights = readFilter(graph, layer);
    const statistics = blockStatistics(weights, filter);
    const {path, expectedMs, candidates} = choosePath(geometry, layerStatistics(weights, filter), variant);
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
