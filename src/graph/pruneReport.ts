/** What pruning did to a model: plain data, ready for JSON. */
import {blockRows, type BlockSize} from '../packed';
import type {LayerDescription} from './pruneLayers';

export interface LayerReport {
  /** The node's name in the model as it was given. */
  readonly name: string;
  readonly op: string;
  /** `[kh, kw, inChannels, outChannels]` */
  readonly shape: readonly [number, number, number, number];
  readonly n: BlockSize;
  /** Share of the blocks asked to go; `null` where the layer was left alone. */
  readonly sparsity: number | null;
  /** All 1xN blocks: `ceil(outChannels / n) * inChannels`. */
  readonly blocks: number;
  /** Blocks that hold a weight other than zero. */
  readonly blocksBefore: number;
  readonly blocksAfter: number;
  /** Multiply-adds of these blocks for one image; `null` where the graph does not tell the number of pixels. */
  readonly macsBefore: number | null;
  readonly macsAfter: number | null;
  /** Share of the sum of absolute weights that is left, 0 to 1. */
  readonly l1Kept: number;
  /** Whether the output channels were put into another order. */
  readonly rearranged: boolean;
  /** Why they were not; `null` where they were. */
  readonly notRearranged: string | null;
  /** Why the layer was left alone; `null` where it was pruned or rearranged. */
  readonly leftAlone: string | null;
}

export interface PruneTotals {
  /** Layers that were looked at, and those of them whose blocks or order were chosen anew. */
  readonly layers: number;
  readonly layersPruned: number;
  readonly layersRearranged: number;
  readonly blocksBefore: number;
  readonly blocksAfter: number;
  /** Over the layers whose pixels are known. */
  readonly macsBefore: number;
  readonly macsAfter: number;
  readonly layersOfUnknownSize: number;
  /** Over the pruned layers; 1 where there is none. */
  readonly l1Kept: number;
}

export interface PruneReport {
  readonly layers: readonly LayerReport[];
  readonly totals: PruneTotals;
  /** True where nothing but zeros was dropped: outputs then change by rounding alone. */
  readonly lossless: boolean;
  /** What this means for the model's accuracy, in a sentence. */
  readonly accuracy: string;
}

/** The counts of one layer, as `reportLayer` needs them. */
export interface LayerCounts {
  readonly n: BlockSize;
  readonly blocksBefore: number;
  readonly blocksAfter: number;
  /** Weights inside these blocks. */
  readonly weightsBefore: number;
  readonly weightsAfter: number;
  readonly l1Before: number;
  readonly l1After: number;
}

/** What was decided for one layer. */
export interface LayerOutcome {
  readonly sparsity: number | null;
  readonly notRearranged: string | null;
  readonly leftAlone: string | null;
}

const LOSSLESS = 'Nothing but zeros was dropped: the outputs change by rounding alone.';
const LOSSY =
  'Weights other than zero were dropped and nothing was repaired: accuracy is lower than that of the original, ' +
  'often by very much. It was not measured here. Check the pruned model on data of your own before you use it.';

export function reportLayer(layer: LayerDescription, counts: LayerCounts, outcome: LayerOutcome): LayerReport {
  const {kh, kw, inChannels, outChannels, outputPixels} = layer;
  const macs = (weights: number) => (outputPixels === null ? null : weights * outputPixels);
  return {
    name: layer.name,
    op: layer.op,
    shape: [kh, kw, inChannels, outChannels],
    n: counts.n,
    sparsity: outcome.sparsity,
    blocks: blockRows(layer, counts.n) * inChannels,
    blocksBefore: counts.blocksBefore,
    blocksAfter: counts.blocksAfter,
    macsBefore: macs(counts.weightsBefore),
    macsAfter: macs(counts.weightsAfter),
    l1Kept: counts.l1Before > 0 ? counts.l1After / counts.l1Before : 1,
    rearranged: outcome.notRearranged === null,
    notRearranged: outcome.notRearranged,
    leftAlone: outcome.leftAlone,
  };
}

export function reportModel(layers: readonly LayerReport[], counts: readonly LayerCounts[]): PruneReport {
  const sum = (values: ReadonlyArray<number | null>) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const pruned = counts.filter((_, i) => layers[i].leftAlone === null);
  const l1Before = sum(pruned.map((layer) => layer.l1Before));
  const lossless = layers.every((layer) => layer.blocksAfter === layer.blocksBefore);
  return {
    layers,
    totals: {
      layers: layers.length,
      layersPruned: pruned.length,
      layersRearranged: layers.filter((layer) => layer.rearranged).length,
      blocksBefore: sum(layers.map((layer) => layer.blocksBefore)),
      blocksAfter: sum(layers.map((layer) => layer.blocksAfter)),
      macsBefore: sum(layers.map((layer) => layer.macsBefore)),
      macsAfter: sum(layers.map((layer) => layer.macsAfter)),
      layersOfUnknownSize: layers.filter((layer) => layer.macsBefore === null).length,
      l1Kept: l1Before > 0 ? sum(pruned.map((layer) => layer.l1After)) / l1Before : 1,
    },
    lossless,
    accuracy: lossless ? LOSSLESS : LOSSY,
  };
}
