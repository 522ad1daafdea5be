/** What the options of pruning say of one layer. */
import type {BlockSize} from '../packed';
import {checkBlockSize, checkSparsity} from './pruneChecks';
import type {LayerDescription} from './pruneLayers';
import {budgetOf, isMap, type PerLayer, type PruneOptions} from './pruneOptions';
import {whenReady} from './whenReady';

/**
 * With fewer weights a filter (kh * kw * inChannels) a row of blocks is over before its loop pays. The first expansion
 * of MobileNetV2 has 16, and half of its blocks take 0.6 of the time of all (measured on channel-major planes).
 */
const LEAST_FILTER_LENGTH = 16;

/**
 * Why a layer is not pruned unless it is named: it is no convolution, or the first one (few inputs, and all that
 * follows depends on it), or the classifier, or has a single output pixel (no time to win), or filters of fewer than
 * 16 weights, or fewer than 2N filters. `undefined` for a layer worth it.
 */
export function whyNotWorthIt(layer: LayerDescription, n: BlockSize): string | undefined {
  if (layer.isClassifier) return 'it is the classifier: set classifier: true to prune it';
  if (layer.kind !== 'convolution') return 'it is a MatMul: name it in layers to prune it';
  if (layer.isFirst) return 'it is the first convolution: name it in layers to prune it';
  if (layer.outputPixels === 1) return 'it has one output pixel: there is no time to win';
  const length = layer.kh * layer.kw * layer.inChannels;
  if (length < LEAST_FILTER_LENGTH) return `its filters have ${length} weights, fewer than ${LEAST_FILTER_LENGTH}`;
  if (layer.outChannels < 2 * n) return `it has ${layer.outChannels} output channels, fewer than 2N = ${2 * n}`;
  return undefined;
}

/** What the options say of one layer: its N and its rate, `null` where a budget decides, or why it is left alone. */
export type LayerChoice =
  | {readonly n: BlockSize | 'auto'; readonly sparsity: number | null}
  | {readonly n: BlockSize; readonly leftAlone: string};

/** The choice for one layer; a promise only where a function of the options gives one. */
export function chooseForLayer(options: PruneOptions, layer: LayerDescription): LayerChoice | Promise<LayerChoice> {
  return whenReady(valueFor(options.n, layer), (given) => {
    const n = given ?? ((options.pattern ?? '1xN') === '1xN' ? 4 : 1);
    checkBlockSize(`Prune option 'n' of layer '${layer.name}'`, n);
    const basic = n === 'auto' ? 4 : n;
    const leftAlone = whyNotChosen(options, layer, basic);
    if (leftAlone !== undefined) return {n: basic, leftAlone};
    if (budgetOf(options)) return {n, sparsity: null};
    return whenReady(valueFor(options.sparsity as PerLayer<number>, layer), (sparsity) => {
      if (sparsity === undefined) return {n: basic, leftAlone: 'the sparsity option has no rate for it'};
      checkSparsity(`Prune option 'sparsity' of layer '${layer.name}'`, sparsity);
      return {n, sparsity};
    });
  });
}

function whyNotChosen(options: PruneOptions, layer: LayerDescription, n: BlockSize): string | undefined {
  const {layers, sparsity, classifier} = options;
  if (classifier && layer.isClassifier) return undefined;
  if (typeof layers === 'function') return layers(layer) ? undefined : 'the layers option does not choose it';
  if (layers !== undefined) return layers.includes(layer.name) ? undefined : 'the layers option does not name it';
  // The choice is then made by the rates: a layer without one stays as it is.
  if (isMap(sparsity) && !budgetOf(options)) return undefined;
  return whyNotWorthIt(layer, n);
}

function valueFor<T>(
  value: PerLayer<T> | undefined,
  layer: LayerDescription,
): T | undefined | PromiseLike<T | undefined> {
  if (typeof value === 'function') {
    return (value as (layer: LayerDescription) => T | undefined | PromiseLike<T | undefined>)(layer);
  }
  if (isMap(value)) return Object.hasOwn(value, layer.name) ? (value as Record<string, T>)[layer.name] : undefined;
  return value as T | undefined;
}
