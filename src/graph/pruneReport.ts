/** What pruning did to a model: plain data, ready for JSON. */
import type {BlockSize} from '../packed';
import type {KeptShares, Pattern} from '../pruning';
import type {LayerPlan} from './layerPlans';
import type {LayerDescription} from './pruneLayers';
import type {RepairReport} from './calibrationOptions';
import {budgetOf, type BudgetKind, type PruneOptions} from './pruneOptions';

export interface LayerReport {
  /** The node's name in the model as it was given. */
  readonly name: string;
  readonly op: string;
  /** `[kh, kw, inChannels, outChannels]` */
  readonly shape: readonly [number, number, number, number];
  readonly n: BlockSize;
  /** Share of the blocks asked to go, or chosen where that was left open; `null` where the layer was left alone. */
  readonly sparsity: number | null;
  /** All blocks of the pattern; of 1xN `ceil(outChannels / n) * inChannels`. */
  readonly blocks: number;
  /** Blocks that hold a weight other than zero. */
  readonly blocksBefore: number;
  readonly blocksAfter: number;
  /** Multiply-adds of these blocks for one image; `null` where the graph does not tell the number of pixels. */
  readonly macsBefore: number | null;
  readonly macsAfter: number | null;
  /** Weights in these blocks, and those of all weights that are zero. */
  readonly weightsBefore: number;
  readonly weightsAfter: number;
  readonly zerosBefore: number;
  readonly zerosAfter: number;
  /** What the cost model expects with fused multiply-adds on one thread; `null` where neither budget nor N asks it. */
  readonly expectedMsBefore: number | null;
  readonly expectedMsAfter: number | null;
  /** Share of the sum of absolute weights that is left, 0 to 1. */
  readonly l1Kept: number;
  /**
   * Where `rearrange` is 'search': the share of the sum of absolute weights that the blocks to stay hold in the order as it
   * is, sorted, and searched; otherwise `null`.
   */
  readonly l1KeptByOrder: KeptShares | null;
  /** Whether the output channels were put into another order. */
  readonly rearranged: boolean;
  /** Why they were not; `null` where they were. */
  readonly notRearranged: string | null;
  /** Why the layer was left alone; `null` where it was pruned or rearranged. */
  readonly leftAlone: string | null;
}

/** A budget and what came of it, over the layers that it may take from; their sums are in the same units as theirs. */
export interface BudgetReport {
  readonly kind: BudgetKind;
  /** Share that was to go, and went. */
  readonly asked: number;
  readonly reached: number;
  readonly cap: number;
  readonly macsBefore: number;
  readonly macsAfter: number;
  readonly weightsBefore: number;
  readonly weightsAfter: number;
  readonly expectedMsBefore: number;
  readonly expectedMsAfter: number;
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
  readonly weightsBefore: number;
  readonly weightsAfter: number;
  readonly zerosBefore: number;
  readonly zerosAfter: number;
  /** Over the pruned layers; 1 where there is none. */
  readonly l1Kept: number;
  /** `null` where `sparsity` was no budget. */
  readonly budget: BudgetReport | null;
}

export interface PruneReport {
  /** What blocks are. */
  readonly pattern: Pattern;
  readonly layers: readonly LayerReport[];
  readonly totals: PruneTotals;
  /** True where nothing but zeros was dropped: outputs then change by rounding alone. */
  readonly lossless: boolean;
  /** What this means for the model's accuracy, in a sentence. */
  readonly accuracy: string;
  /** What was measured on samples; `null` where none were given. */
  readonly repair: RepairReport | null;
}

/** The counts of one layer, as `reportLayer` needs them. */
export interface LayerCounts {
  readonly blocks: number;
  readonly blocksBefore: number;
  readonly blocksAfter: number;
  /** Weights inside these blocks. */
  readonly weightsBefore: number;
  readonly weightsAfter: number;
  readonly zerosBefore: number;
  readonly zerosAfter: number;
  readonly l1Before: number;
  readonly l1After: number;
  readonly msAfter: number | null;
}

const LOSSLESS = 'Nothing but zeros was dropped: the outputs change by rounding alone.';
const LOSSY =
  'Weights other than zero were dropped and nothing was repaired: accuracy is lower than that of the original, ' +
  'often by very much. It was not measured here. Check the pruned model on data of your own before you use it.';

export const accuracyOf = (lossless: boolean, repair: RepairReport | null): string =>
  lossless ? LOSSLESS : repair ? measuredAccuracy(repair) : LOSSY;

function measuredAccuracy({samplesKeptOut, stages}: RepairReport): string {
  const {agreement, relativeError} = stages.at(-1)!.keptOut;
  const measured =
    agreement === null
      ? `the outputs' squared error is ${(100 * relativeError).toPrecision(2)}% of their variance`
      : `the first choice is that of the original for ${(100 * agreement).toFixed(1)}%`;
  return `Weights other than zero were dropped. On ${samplesKeptOut} samples that no fit has seen ${measured}.`;
}

export function reportLayer(
  layer: LayerDescription,
  counts: LayerCounts,
  plan: LayerPlan,
  notRearranged: string | null,
  l1KeptByOrder: KeptShares | null,
): LayerReport {
  const {kh, kw, inChannels, outChannels, outputPixels} = layer;
  const {blocks, blocksBefore, blocksAfter, weightsBefore, weightsAfter, zerosBefore, zerosAfter, msAfter} = counts;
  const macs = (weights: number) => (outputPixels === null ? null : weights * outputPixels);
  return {
    name: layer.name,
    op: layer.op,
    shape: [kh, kw, inChannels, outChannels],
    n: plan.n,
    sparsity: 'sparsity' in plan ? plan.sparsity : null,
    blocks,
    blocksBefore,
    blocksAfter,
    macsBefore: macs(weightsBefore),
    macsAfter: macs(weightsAfter),
    weightsBefore,
    weightsAfter,
    zerosBefore,
    zerosAfter,
    expectedMsBefore: plan.timing?.msBefore ?? null,
    expectedMsAfter: msAfter,
    l1Kept: counts.l1Before > 0 ? counts.l1After / counts.l1Before : 1,
    l1KeptByOrder,
    rearranged: notRearranged === null,
    notRearranged,
    leftAlone: 'leftAlone' in plan ? plan.leftAlone : null,
  };
}

const BUDGET_COLUMNS = {
  macs: ['macsBefore', 'macsAfter'],
  weights: ['weightsBefore', 'weightsAfter'],
  latency: ['expectedMsBefore', 'expectedMsAfter'],
} as const;

const TOTALS = [
  ...(['blocksBefore', 'blocksAfter', 'zerosBefore', 'zerosAfter'] as const),
  ...BUDGET_COLUMNS.macs,
  ...BUDGET_COLUMNS.weights,
];

/** Sums over layers; what is `null` adds nothing. */
function sums<K extends (typeof TOTALS)[number] | (typeof BUDGET_COLUMNS.latency)[number]>(
  layers: readonly LayerReport[],
  keys: readonly K[],
): Record<K, number> {
  const entries = keys.map((key) => [key, layers.reduce((sum, layer) => sum + (layer[key] ?? 0), 0)]);
  return Object.fromEntries(entries) as Record<K, number>;
}

export function reportModel(
  layers: readonly LayerReport[],
  counts: readonly LayerCounts[],
  options: PruneOptions,
  repair: RepairReport | null = null,
): PruneReport {
  const pruned = counts.filter((_, i) => layers[i].leftAlone === null);
  const sumOf = (key: 'l1Before' | 'l1After') => pruned.reduce((sum, layer) => sum + layer[key], 0);
  const l1Before = sumOf('l1Before');
  const lossless = layers.every((layer) => layer.blocksAfter === layer.blocksBefore);
  return {
    pattern: options.pattern ?? '1xN',
    layers,
    totals: {
      layers: layers.length,
      layersPruned: pruned.length,
      layersRearranged: layers.filter((layer) => layer.rearranged).length,
      ...sums(layers, TOTALS),
      layersOfUnknownSize: layers.filter((layer) => layer.macsBefore === null).length,
      l1Kept: l1Before > 0 ? sumOf('l1After') / l1Before : 1,
      budget: reportBudget(layers, options),
    },
    lossless,
    accuracy: accuracyOf(lossless, repair),
    repair,
  };
}

function reportBudget(layers: readonly LayerReport[], options: PruneOptions): BudgetReport | null {
  const budget = budgetOf(options);
  if (!budget) return null;
  const {kind, share, cap} = budget;
  const columns = Object.values(BUDGET_COLUMNS).flat();
  const totals = sums(
    layers.filter((layer) => layer.expectedMsBefore !== null),
    columns,
  );
  const [before, after] = BUDGET_COLUMNS[kind];
  const reached = totals[before] > 0 ? 1 - totals[after] / totals[before] : 0;
  return {kind, asked: share, reached, cap, ...totals};
}
