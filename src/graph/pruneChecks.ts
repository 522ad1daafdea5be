/** Checks of the options of pruning: what makes no sense is refused with what is possible. */
import {BLOCK_SIZES, type BlockSize} from '../packed';
import {CRITERIA, PATTERNS} from '../pruning';
import {REPAIR_METHODS} from './calibrationOptions';
import type {LayerDescription} from './pruneLayers';
import {
  BUDGET_KINDS,
  budgetOf,
  isMap,
  REARRANGE_METHODS,
  type PerLayer,
  type PruneOnLoadOptions,
  type PruneOptions,
} from './pruneOptions';

const CALIBRATION_KEYS = ['samples', 'labels', 'repair', 'maxDrop', 'onProgress', 'signal'] as const;
const PRUNE_KEYS = [
  ...['sparsity', 'n', 'pattern', 'criterion', 'seed', 'rearrange', 'layers', 'classifier', 'calibration'],
  ...CALIBRATION_KEYS,
] as const;
const ON_LOAD_KEYS = [...PRUNE_KEYS, 'match', 'onReport'] as const;

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
  const {sparsity, n, pattern, criterion, seed, rearrange, layers, classifier} = options;
  if (sparsity === undefined) {
    throw new TypeError("Prune option 'sparsity' is missing: the share of blocks to drop; 0 rearranges only.");
  }
  if (isMap(sparsity) && budgetOf(options)) checkBudget(sparsity);
  else checkPerLayer('sparsity', sparsity, checkSparsity);
  if (n !== undefined) checkPerLayer('n', n, checkBlockSize);
  checkCalibration(options);
  checkOneOf('criterion', criterion, CRITERIA);
  checkOneOf('pattern', pattern, PATTERNS);
  if (n !== undefined && pattern !== undefined && pattern !== '1xN') {
    throw new RangeError(`Prune option 'n' goes with the pattern '1xN' alone, and the pattern is '${pattern}'.`);
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new RangeError(`Prune option 'seed' is ${show(seed)}: an integer expected.`);
  }
  if (typeof rearrange !== 'boolean') checkOneOf('rearrange', rearrange, REARRANGE_METHODS, 'true, false or ');
  if (classifier !== undefined && typeof classifier !== 'boolean') {
    throw new TypeError(`Prune option 'classifier' is ${show(classifier)}: true or false expected.`);
  }
  const namesOnly = Array.isArray(layers) && layers.every((name) => typeof name === 'string');
  if (layers !== undefined && typeof layers !== 'function' && !namesOnly) {
    throw new TypeError(`Prune option 'layers' is ${show(layers)}: a list of node names or a function expected.`);
  }
}

/** @throws for options that go with samples where there are none, or that make no sense. */
function checkCalibration(options: PruneOptions): void {
  const {calibration, samples, repair, maxDrop, sparsity} = options;
  if (calibration === undefined) {
    const given = CALIBRATION_KEYS.find((key) => key !== 'repair' && options[key] !== undefined);
    const key = given ?? (repair !== undefined && repair !== 'none' ? 'repair' : undefined);
    if (key !== undefined) {
      throw new TypeError(`Prune option '${key}' goes with samples: give some as 'calibration'.`);
    }
    return;
  }
  checkOneOf('repair', repair, REPAIR_METHODS);
  if (samples !== undefined && !(Number.isInteger(samples) && samples > 0)) {
    throw new RangeError(`Prune option 'samples' is ${show(samples)}: a number of samples expected.`);
  }
  if (maxDrop === undefined) return;
  if (repair === 'none') throw new RangeError("Prune option 'maxDrop' goes with a repair, and 'repair' is 'none'.");
  const entries = isMap(maxDrop) ? Object.entries(maxDrop) : [];
  const [[kind, value] = ['', undefined]] = entries;
  const isKnown = entries.length === 1 && ['agreement', 'relativeError', 'decibels'].includes(kind);
  if (!isKnown || typeof value !== 'number' || !(value >= 0)) {
    throw new TypeError(
      "Prune option 'maxDrop' is no object with one of agreement, relativeError and decibels, 0 or more, such as " +
        '{agreement: 0.01}.',
    );
  }
  if (typeof sparsity !== 'number' && !budgetOf(options)) {
    throw new RangeError("Prune option 'maxDrop' needs a sparsity that is one number or a budget.");
  }
}

function checkOneOf(option: string, value: unknown, known: readonly string[], or = ''): void {
  if (value === undefined || (known as readonly unknown[]).includes(value)) return;
  throw new RangeError(`Prune option '${option}' is ${show(value)}: ${or}one of ${known.join(', ')} expected.`);
}

function checkBudget(sparsity: object): void {
  const keys = Object.keys(sparsity);
  const kinds: readonly string[] = BUDGET_KINDS;
  const [, ...others] = keys.filter((key) => kinds.includes(key));
  others.push(...keys.filter((key) => !kinds.includes(key) && key !== 'cap'));
  if (others.length > 0) {
    throw new RangeError(
      `Prune option 'sparsity' is a budget of ${keys.find((key) => kinds.includes(key))}, and has '${others.join("', '")}' ` +
        `beside it: a budget has one of ${kinds.join(', ')}, and a cap if you like. Layers of such names get their rates ` +
        'by a function.',
    );
  }
  for (const [key, value] of Object.entries(sparsity)) {
    if (isShare(value) || (key === 'cap' && value === undefined)) continue;
    throw new RangeError(`Prune option 'sparsity' has ${show(value)} for '${key}': a share from 0 to 1 expected.`);
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

/** @throws RangeError that starts with `where`. */
export function checkSparsity(where: string, value: unknown): asserts value is number {
  if (isShare(value)) return;
  throw new RangeError(`${where} is ${show(value)}: a share of blocks from 0 to 1 expected.`);
}

const isShare = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1;

/** @throws RangeError that starts with `where`. */
export function checkBlockSize(where: string, value: unknown): asserts value is BlockSize | 'auto' {
  if (value === 'auto' || (BLOCK_SIZES as readonly unknown[]).includes(value)) return;
  throw new RangeError(`${where} is ${show(value)}: one of ${BLOCK_SIZES.join(', ')} or 'auto' expected.`);
}

/** @throws where a map or list of the options names a layer that the model does not have. */
export function checkLayerNames(options: PruneOptions, descriptions: readonly LayerDescription[]): void {
  const {sparsity, n, layers} = options;
  const budget = budgetOf(options);
  const known = new Set(descriptions.map((layer) => layer.name));
  const check = (option: string, names: readonly string[]): void => {
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length === 0) return;
    throw new RangeError(
      `Prune option '${option}' names '${unknown.join("', '")}', but the model has no such convolution or MatMul. ` +
        `It has: ${known.size > 0 ? [...known].join(', ') : 'none at all'}.`,
    );
  };
  if (budget) {
    if (known.has(budget.kind) && !Object.hasOwn(sparsity as object, 'cap')) {
      throw new RangeError(
        `Prune option 'sparsity' is a budget of ${budget.kind}, but the model has a layer '${budget.kind}', too: give a ` +
          'cap with the budget, or the rate of the layer by a function.',
      );
    }
  } else if (isMap(sparsity)) {
    check('sparsity', Object.keys(sparsity));
  }
  if (isMap(n)) check('n', Object.keys(n));
  if (Array.isArray(layers)) check('layers', layers);
}

function show(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : Array.isArray(value)
      ? `[${value.map(show).join(', ')}]`
      : String(value);
}
