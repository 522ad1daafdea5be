/** N and rate of every layer: as the options say, or as scores and the cost model tell where they leave it open. */
import {BLOCK_SIZES, type BlockSize} from '../packed';
import type {LayerGeometry} from '../plan';
import {allocate, blockGrid, blockScores, layerSeed, type RatePoint} from '../pruning';
import type {LayerChoice} from './layerChoice';
import {layerGeometry} from './layerGeometry';
import type {ModelGraph} from './modelGraph';
import {readFilter, type Layer} from './pruneLayers';
import {budgetOf, type Budget, type PruneOptions} from './pruneOptions';
import {rateCurve, type RateCurve} from './rateCurve';
import type {ShapeMap} from './shapes';

/** What the cost model knows of a layer, and what it expects of it as it is. */
export interface LayerTiming {
  readonly geometry: LayerGeometry;
  readonly msBefore: number;
}

/** What is to be done with a layer. `timing` is there where the cost model was asked. */
export type LayerPlan = {readonly n: BlockSize; readonly timing?: LayerTiming} & (
  {readonly sparsity: number} | {readonly leftAlone: string}
);

const UNKNOWN_PIXELS = 'the graph does not tell its output pixels, which the budget counts';
const NOT_FINITE = 'its weights are not all finite, so that their scores have no sum';

/** The loss of a size of blocks that was not tried. */
const UNTRIED = 1e30;

/** A layer whose rate or N is open. */
interface OpenLayer {
  readonly index: number;
  readonly layer: Layer;
  readonly n: BlockSize | 'auto';
  /** Its highest rate. */
  readonly most: number;
  readonly curve: (n: BlockSize, most: number) => RateCurve;
  readonly timing: LayerTiming;
}

/**
 * What a layer's pruning costs, as it was measured: the loss at a rate from 0 on, where it is 0, for each N that was tried.
 */
export type MeasuredLosses = (layer: Layer, n: BlockSize) => ((rate: number) => number) | undefined;

/**
 * Settles what the options leave open: rates under a budget, N where it is 'auto'; `PruneOptions` says how. Scores are
 * those of the filters in the order in which they stand.
 *
 * @param measured takes the place of the scores; sizes of blocks without a loss are not chosen
 * @throws RangeError where a budget cannot be reached, with the most that can.
 */
export function settlePlans(
  graph: ModelGraph,
  shapes: ShapeMap,
  layers: readonly Layer[],
  choices: readonly LayerChoice[],
  options: PruneOptions,
  measured?: MeasuredLosses,
): LayerPlan[] {
  const budget = budgetOf(options);
  const most = budget?.cap ?? 1;
  const underBudget: OpenLayer[] = [];
  const plans = layers.map((layer, index): LayerPlan => {
    const {n, ...choice} = choices[index];
    const basic = n === 'auto' ? 4 : n;
    const leftAlone = 'leftAlone' in choice ? choice.leftAlone : layer.fixed;
    if (leftAlone !== undefined) return {n: basic, leftAlone};
    const {sparsity} = choice as {sparsity: number | null};
    if (sparsity !== null && n !== 'auto') return {n, sparsity};
    const counted = budget && budget.kind !== 'weights';
    if (counted && layer.description.outputPixels === null) return {n: basic, leftAlone: UNKNOWN_PIXELS};

    const geometry = layerGeometry(graph, shapes, layer.description);
    const curve = curvesOf(graph, layer, geometry, options, measured);
    const {lost, ms} = curve(basic, sparsity ?? most);
    if (!Number.isFinite(lost.at(-1)!)) return {n: basic, leftAlone: NOT_FINITE};
    const open = {index, layer, n, most, curve, timing: {geometry, msBefore: ms[0]}};
    if (sparsity !== null) return {...atSameTime(open, sparsity), timing: open.timing};
    underBudget.push(open);
    return {n: basic, sparsity: 0}; // until the budget is spread
  });
  if (budget) for (const [index, plan] of spreadBudget(underBudget, budget)) plans[index] = plan;
  return plans;
}

function curvesOf(
  graph: ModelGraph,
  layer: Layer,
  geometry: LayerGeometry,
  options: PruneOptions,
  measured: MeasuredLosses | undefined,
) {
  const {pattern = '1xN', criterion = 'l1', seed = 0} = options;
  const {name} = layer.description;
  const curves = new Map<string, RateCurve>();
  return (n: BlockSize, most: number): RateCurve => {
    const key = `${n} ${most}`;
    let curve = curves.get(key);
    if (!curve) {
      const filter = readFilter(graph, layer);
      const grid = blockGrid(pattern, geometry.filter, n);
      const scores = blockScores(criterion, filter, grid.shape, grid.n, layerSeed(seed, name));
      curve = rateCurve(filter, grid, scores, geometry, most);
      if (measured) curve = {...curve, lost: curve.rates.map(measured(layer, n) ?? (() => UNTRIED))};
      curves.set(key, curve);
    }
    return curve;
  };
}

/** What 'auto' chooses from beside N = 4. */
const otherSizes = ({description}: Layer): BlockSize[] =>
  BLOCK_SIZES.filter((n) => n !== 4 && description.outChannels >= 2 * n);

/** The N, and its rate, that loses least of those that are expected to take no longer than N = 4 at a given rate. */
function atSameTime({layer, most, curve}: OpenLayer, rate: number): {n: BlockSize; sparsity: number} {
  const four = curve(4, rate);
  const time = four.ms.at(-1)!;
  let least = four.lost.at(-1)!;
  let best: {n: BlockSize; sparsity: number} = {n: 4, sparsity: rate};
  if (!(time < four.ms[0])) return best;
  for (const n of otherSizes(layer)) {
    const {rates, lost, ms} = curve(n, most);
    const i = ms.findIndex((value) => value <= time);
    if (i < 0 || lost[i] >= least) continue;
    least = lost[i];
    best = {n, sparsity: rates[i]};
  }
  return best;
}

/** The plans of all layers under a budget, by the layers' indices. */
function spreadBudget(layers: readonly OpenLayer[], budget: Budget): Array<[number, LayerPlan]> {
  const isAuto = layers.some(({n}) => n === 'auto');
  let chosen: readonly ChosenOption[];
  if (isAuto && budget.kind === 'latency') {
    chosen = spreadTime(layers, budget);
  } else {
    // Of weights N = 1 would always lose least, however slow it is.
    const sizes = layers.map(({n}): BlockSize[] => [n === 'auto' ? 4 : n]);
    chosen = orThrow(spreadOptions(layers, sizes, budget), budget);
    if (isAuto) {
      layers.forEach((layer, i) => {
        if (layer.n === 'auto') sizes[i] = [atSameTime(layer, chosen[i].rate).n];
      });
      chosen = orThrow(spreadOptions(layers, sizes, budget), budget);
    }
  }
  return layers.map(({index, timing}, i) => {
    const {n, rate, vain} = chosen[i];
    const leftAlone = vain > 0 ? `a rate of ${vain} would not make it faster` : 'the budget is met without it';
    return [index, {n, timing, ...(rate > 0 ? {sparsity: rate} : {leftAlone})}];
  });
}

/**
 * All N of all layers compete for the time. As `allocate` finds the best on the curves' hulls alone, one N for all layers
 * may turn out better.
 */
function spreadTime(layers: readonly OpenLayer[], budget: Budget): readonly ChosenOption[] {
  const sizesOf = ({layer, n}: OpenLayer): BlockSize[] => (n === 'auto' ? [4, ...otherSizes(layer)] : [n]);
  const all = orThrow(spreadOptions(layers, layers.map(sizesOf), budget), budget);
  const total = (chosen: readonly ChosenOption[]) => chosen.reduce((sum, {lost}) => sum + lost, 0);
  let best = all;
  for (const one of BLOCK_SIZES) {
    const sizes = layers.map((layer) => {
      const open = sizesOf(layer);
      return open.includes(one) ? [one] : [open[0]];
    });
    const {chosen} = spreadOptions(layers, sizes, budget);
    if (chosen && total(chosen) < total(best)) best = chosen;
  }
  return best;
}

/** What may be done with a layer. */
interface Option extends RatePoint {
  readonly n: BlockSize;
  readonly rate: number;
  readonly ms: number;
  /** What is left of what the budget is of. */
  readonly left: number;
}

/** The layer as it is, and all rates of some N. */
function optionsOf({layer, most, curve}: OpenLayer, sizes: readonly BlockSize[], kind: Budget['kind']): Option[] {
  const pixels = kind === 'macs' ? layer.description.outputPixels! : 1;
  return sizes.flatMap((n) => {
    const {rates, lost, weights, ms} = curve(n, most);
    const amounts = kind === 'latency' ? ms : weights.map((count) => count * pixels);
    const all = rates.map((rate, j) => ({
      ...{n, rate, ms: ms[j], lost: lost[j]},
      ...{left: amounts[j], saved: amounts[0] - amounts[j]},
    }));
    return n === sizes[0] ? all : all.filter(({rate, lost}) => rate > 0 && lost < UNTRIED);
  });
}

/** An option, and the rate that the layer was to get or could have and that buys no time; 0 if there is none. */
interface ChosenOption extends Option {
  readonly vain: number;
}

/** An option for each layer; without one where the budget is out of reach, but for the share `most` of it that is not. */
interface Spread {
  readonly chosen?: readonly ChosenOption[];
  readonly most: number;
}

function orThrow({chosen, most}: Spread, {kind, share}: Budget): readonly ChosenOption[] {
  if (!chosen) throw outOfReach(kind, share, most);
  return chosen;
}

function spreadOptions(
  layers: readonly OpenLayer[],
  sizes: ReadonlyArray<readonly BlockSize[]>,
  {kind, share}: Budget,
): Spread {
  const options = layers.map((layer, i) => optionsOf(layer, sizes[i], kind));
  const points = [...options];
  const total = options.reduce((sum, [{left}]) => sum + left, 0);
  const buysTime = (list: readonly Option[], {ms}: Option) => ms < list[0].ms;
  const vain = options.map((list, i) => (list.some((option) => buysTime(list, option)) ? 0 : layers[i].most));
  for (;;) {
    const reach = points.reduce((sum, list) => sum + Math.max(...list.map(({saved}) => saved)), 0);
    const most = reach / total;
    if (reach < (share - 1e-9) * total) return {most};
    const chosen = allocate(points, share * total).map((j, i) => points[i][j]);
    const inVain = chosen.flatMap((option, i) => (option.rate > 0 && !buysTime(options[i], option) ? [i] : []));
    for (const i of inVain) {
      vain[i] ||= chosen[i].rate;
      points[i] = options[i].map((option) => (buysTime(options[i], option) ? option : {...option, lost: 0, saved: 0}));
    }
    if (inVain.length === 0) return {most, chosen: chosen.map((option, i) => ({...option, vain: vain[i]}))};
  }
}

function outOfReach(kind: Budget['kind'], share: number, most: number): RangeError {
  const percent = (value: number) => `${Math.floor(value * 1000 + 1e-6) / 10}%`;
  return new RangeError(
    `Prune option 'sparsity' is to remove ${percent(share)} of the ${kind}, but at most ${percent(most)} can go where no ` +
      'layer loses more of its blocks than the cap, nor any that buy no time. Ask for less, raise the cap, or choose ' +
      'more layers.',
  );
}
