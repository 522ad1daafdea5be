/** Options of pruning: their types, their checks, and what they say of one layer. */
import type {io} from '@tensorflow/tfjs-core';
import {BLOCK_SIZES, type BlockSize} from '../packed';
import {CRITERIA, type Criterion} from '../pruning';
import type {LayerDescription} from './pruneLayers';
import type {PruneReport} from './pruneReport';
import {whenReady} from './whenReady';

/** One value for all layers, values by node name, or a function of the layer. */
export type PerLayer<T> =
  T | Readonly<Record<string, T>> | ((layer: LayerDescription) => T | undefined | PromiseLike<T | undefined>);

export interface PruneOptions {
  /**
   * Share of the blocks to drop, 0 to 1, in each layer; 0 rearranges only. With a map, or where a function gives
   * `undefined`, the layers without a rate are left alone.
   */
  readonly sparsity: PerLayer<number>;
  /** N, the filters a block: 1, 2, 4, 8, 16 or 32. Default 4, also for layers that a map or function leaves out. */
  readonly n?: PerLayer<BlockSize>;
  /** How blocks are ranked. Default 'l1'. */
  readonly criterion?: Criterion;
  /** Seed of the criterion 'random', an integer. Default 0. */
  readonly seed?: number;
  /** Whether output channels are put into order first, by their l1 norm. Default true. */
  readonly rearrange?: boolean;
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

const PRUNE_KEYS = ['sparsity', 'n', 'criterion', 'seed', 'rearrange', 'layers', 'classifier'] as const;
const ON_LOAD_KEYS = [...PRUNE_KEYS, 'match', 'onReport'] as const;

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

/** @throws TypeError or RangeError that names the option and says what is possible. */
export function checkPruneOptions(options: PruneOptions): void {
  checkOptions(options, PRUNE_KEYS);
}

/** As `checkPruneOptions`, for the options of `pruneOnLoad`. */
export function checkPruneOnLoadOptions(options: PruneOnLoadOptions): void {
  checkOptions(options, ON_LOAD_KEYS);
  const {match, onReport} = options;
  if (match !== undefined && !(match instanceof RegExp) && typeof match !== 'function') {
    throw new TypeError(`Prune option 'match' is ${show(match)}: a RegExp or a function expected.`);
  }
  if (onReport !== undefined && typeof onReport !== 'function') {
    throw new TypeError(`Prune option 'onReport' is ${show(onReport)}: a function expected.`);
  }
}

function checkOptions(options: PruneOptions, keys: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`Prune options are ${show(options)}: an object such as {n: 4, sparsity: 0.5} expected.`);
  }
  for (const key of Object.keys(options)) {
    if (!keys.includes(key)) throw new TypeError(`Unknown prune option '${key}'. Known: ${keys.join(', ')}.`);
  }
  const {sparsity, n, criterion, seed, rearrange, layers, classifier} = options;
  if (sparsity === undefined) {
    throw new TypeError("Prune option 'sparsity' is missing: the share of blocks to drop; 0 rearranges only.");
  }
  checkPerLayer('sparsity', sparsity, checkSparsity);
  if (n !== undefined) checkPerLayer('n', n, checkBlockSize);
  if (criterion !== undefined && !CRITERIA.includes(criterion)) {
    throw new RangeError(`Prune option 'criterion' is ${show(criterion)}: one of ${CRITERIA.join(', ')} expected.`);
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new RangeError(`Prune option 'seed' is ${show(seed)}: an integer expected.`);
  }
  for (const [key, flag] of Object.entries({rearrange, classifier})) {
    if (flag !== undefined && typeof flag !== 'boolean') {
      throw new TypeError(`Prune option '${key}' is ${show(flag)}: true or false expected.`);
    }
  }
  const namesOnly = Array.isArray(layers) && layers.every((name) => typeof name === 'string');
  if (layers !== undefined && typeof layers !== 'function' && !namesOnly) {
    throw new TypeError(`Prune option 'layers' is ${show(layers)}: a list of node names or a function expected.`);
  }
}

function checkPerLayer<T>(option: string, value: PerLayer<T>, check: (where: string, value: unknown) => void): void {
  if (typeof value === 'function') return;
  if (isMap(value)) {
    for (const [name, entry] of Object.entries(value)) check(`Prune option '${option}' of layer '${name}'`, entry);
  } else {
    check(`Prune option '${option}'`, value);
  }
}

function checkSparsity(where: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return;
  throw new RangeError(`${where} is ${show(value)}: a share of blocks from 0 to 1 expected.`);
}

function checkBlockSize(where: string, value: unknown): asserts value is BlockSize {
  if ((BLOCK_SIZES as readonly unknown[]).includes(value)) return;
  throw new RangeError(`${where} is ${show(value)}: one of ${BLOCK_SIZES.join(', ')} expected.`);
}

/** @throws where a map or list of the options names a layer that the model does not have. */
export function checkLayerNames({sparsity, n, layers}: PruneOptions, descriptions: readonly LayerDescription[]): void {
  const known = new Set(descriptions.map((layer) => layer.name));
  const check = (option: string, names: readonly string[]): void => {
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length === 0) return;
    throw new RangeError(
      `Prune option '${option}' names '${unknown.join("', '")}', but the model has no such convolution or MatMul. ` +
        `It has: ${known.size > 0 ? [...known].join(', ') : 'none at all'}.`,
    );
  };
  if (isMap(sparsity)) check('sparsity', Object.keys(sparsity));
  if (isMap(n)) check('n', Object.keys(n));
  if (Array.isArray(layers)) check('layers', layers);
}

/** What the options say of one layer: its N and its rate, or why it is left alone. */
export type LayerChoice =
  {readonly n: BlockSize; readonly sparsity: number} | {readonly n: BlockSize; readonly leftAlone: string};

/** The choice for one layer; a promise only where a function of the options gives one. */
export function chooseForLayer(options: PruneOptions, layer: LayerDescription): LayerChoice | Promise<LayerChoice> {
  return whenReady(valueFor(options.n, layer), (given) => {
    const n = given ?? 4;
    checkBlockSize(`Prune option 'n' of layer '${layer.name}'`, n);
    const leftAlone = whyNotChosen(options, layer, n);
    if (leftAlone !== undefined) return {n, leftAlone};
    return whenReady(valueFor(options.sparsity, layer), (sparsity) => {
      if (sparsity === undefined) return {n, leftAlone: 'the sparsity option has no rate for it'};
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
  if (isMap(sparsity)) return undefined;
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

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function show(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : Array.isArray(value)
      ? `[${value.map(show).join(', ')}]`
      : String(value);
}
