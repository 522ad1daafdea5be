/** Options of pruning. Their checks are in pruneChecks.ts, what they say of one layer in layerChoice.ts. */
import type {io} from '@tensorflow/tfjs-core';
import type {BlockSize} from '../packed';
import type {Criterion, Pattern} from '../pruning';
import type {CalibrationOptions} from './calibrationOptions';
import type {LayerDescription} from './pruneLayers';
import type {PruneReport} from './pruneReport';

/** One value for all layers, values by node name, or a function of the layer. */
export type PerLayer<T> =
  T | Readonly<Record<string, T>> | ((layer: LayerDescription) => T | undefined | PromiseLike<T | undefined>);

/** How output channels can be put into order. */
export const REARRANGE_METHODS = ['sort', 'search', 'zeros'] as const;

/** What a budget can be of: multiply-adds of one image, weights, or milliseconds by the backend's cost model. */
export const BUDGET_KINDS = ['macs', 'weights', 'latency'] as const;

/** One of `BUDGET_KINDS`. */
export type BudgetKind = (typeof BUDGET_KINDS)[number];

/** Share to remove of all that the chosen layers have; what is zero already is none of it. */
export type PruneBudget = ({readonly macs: number} | {readonly weights: number} | {readonly latency: number}) & {
  /** No layer loses a larger share of its blocks. Default 0.85. */
  readonly cap?: number;
};

export interface PruneOptions extends CalibrationOptions {
  /**
   * Share of the blocks to drop, 0 to 1, in each layer; 0 rearranges only. With a map, or where a function gives
   * `undefined`, the layers without a rate are left alone.
   *
   * Or a budget, spread over the chosen layers so that the least score goes, each layer's scores being shares of their sum.
   * No rate is spent that the cost model expects no time from. An object is a budget if it has one of the keys macs,
   * weights and latency; layers of such names get their rates by a function. Layers whose output pixels the graph does not
   * tell are left alone by budgets of macs and latency; their time is otherwise estimated for 14 x 14.
   */
  readonly sparsity: PerLayer<number> | PruneBudget;
  /**
   * N, the filters a block: 1, 2, 4, 8, 16 or 32. Default 4, also for layers that a map or function leaves out.
   *
   * 'auto' takes for each layer the N that keeps most score at the time that N = 4 is expected to take at the layer's
   * rate. The rate asked is then that of N = 4: with another N the layer gets the least rate that takes no longer. Under a
   * budget of macs or weights the rates are spread anew over the N chosen; under one of latency all N of all layers
   * compete for it. Where the rate buys no time, N is 4.
   */
  readonly n?: PerLayer<BlockSize | 'auto'>;
  /**
   * For research: what is dropped in place of 1xN blocks. 'weight': single weights (unstructured pruning); 'kernel': the
   * taps of one filter at one input channel, as N = 1; 'filter': whole filters, whose biases and batch norms stay. Nothing
   * is rearranged for them, and `n` is not theirs. Default '1xN'.
   */
  readonly pattern?: Pattern;
  /** How blocks are ranked. Default 'l1'. */
  readonly criterion?: Criterion;
  /** Seed of the criterion 'random', an integer. Default 0. */
  readonly seed?: number;
  /**
   * How output channels are put into order first, all layers of a coupled group alike. Default 'sort'.
   * - 'sort' or true: by their l1 norm, as the paper does.
   * - 'search': so that the blocks that stay keep most of the sum of absolute weights. Takes seconds.
   * - 'zeros': so that filters with alike zeros are neighbours, where the cost model expects a group to gain 2% or more from
   *   it. For models that have zeros, with a sparsity of 0: nothing is lost then.
   * - false: not at all.
   */
  readonly rearrange?: boolean | (typeof REARRANGE_METHODS)[number];
  /**
   * Which layers, by node name or by a function. Default: those that a `sparsity` map names, else all convolutions
   * for which `whyNotWorthIt` has no reason against it (see there).
   */
  readonly layers?: readonly string[] | ((layer: LayerDescription) => boolean);
  /** Prune the classifier too: the last MatMul, or 1x1 convolution of one pixel, before the outputs. Default false. */
  readonly classifier?: boolean;
}

export interface PruneOnLoadOptions extends PruneOptions {
  /**
   * Which models. A RegExp is tested against the model's URL and matches no model without one; a function gets the
   * artifacts and, where there is one, the URL. Default: every model.
   */
  readonly match?: RegExp | ((artifacts: io.ModelArtifacts, url: string | undefined) => boolean | PromiseLike<boolean>);
  /** Called with the report of every model that is rewritten. */
  readonly onReport?: (report: PruneReport, url: string | undefined) => void;
}

/** A budget as `sparsity` has it, with its default. */
export interface Budget {
  readonly kind: BudgetKind;
  readonly share: number;
  readonly cap: number;
}

/** The budget that `sparsity` asks for, if it does. */
export function budgetOf({sparsity}: PruneOptions): Budget | undefined {
  const kind = isMap(sparsity) ? BUDGET_KINDS.find((key) => Object.hasOwn(sparsity, key)) : undefined;
  if (kind === undefined) return undefined;
  const {[kind]: share, cap = 0.85} = sparsity as Partial<Record<BudgetKind | 'cap', number>>;
  return {kind, share: share!, cap};
}

/** The method that `rearrange` asks for; 'none' where the order of filters stays or does not matter. */
export function orderMethod({
  rearrange = true,
  pattern = '1xN',
}: PruneOptions): 'none' | (typeof REARRANGE_METHODS)[number] {
  if (rearrange === false || pattern !== '1xN') return 'none';
  return rearrange === true ? 'sort' : rearrange;
}

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
