// The comparison of `npm run bench:gate`. Arithmetic; nothing is timed.
import {OURS, STOCK} from './benchmark.mjs';
import {speedup} from './record.mjs';
import {MAIN_MODEL, weightsInWords} from './recordPlan.mjs';

/** The models of the gate. */
export const GATE_MODELS = [
  {model: MAIN_MODEL, n: 4, sparsity: 0},
  {model: MAIN_MODEL, n: 4, sparsity: 0.5},
  {model: 'human/handlandmark-sparse', n: 4, sparsity: 0},
];

/** Name of a model's row in the gate. */
export function modelRowName({model, n, sparsity}) {
  return `${model} ${weightsInWords({n, sparsity})}`;
}

/**
 * Stock's time over ours of every shape and path that bench:kernels measured.
 *
 * @param {{results: object[], depthwise?: object[]}} kernels
 * @returns {Map<string, {ratio: number, shape: string}>} by name of the row
 */
export function kernelRatios({results, depthwise = []}) {
  const ratios = new Map();
  const add = (prefix, shapes) => {
    for (const {name, engines} of shapes) {
      for (const [path, {ratio}] of Object.entries(engines)) {
        if (path !== 'stock') ratios.set(`${prefix}${name}, ${path}`, {ratio, shape: name});
      }
    }
  };
  add('', results);
  add('depthwise ', depthwise);
  return ratios;
}

/**
 * Stock's time over ours on one thread, of the models of the gate that a record has.
 *
 * @returns {Map<string, {ratio: number}>} by name of the row
 */
export function modelRatios({rows}) {
  const ratios = new Map();
  for (const target of GATE_MODELS) {
    const row = rows.find(
      ({model, n, sparsity, threads}) =>
        model === target.model &&
        sparsity === target.sparsity &&
        (sparsity === 0 || n === target.n) &&
        threads[0] === 1,
    );
    const ratio = row && speedup(row, STOCK);
    if (ratio !== undefined) ratios.set(modelRowName(target), {ratio});
  }
  return ratios;
}

/** Stock's time over ours in what `bench --json` prints. */
export function reportRatio({results}) {
  return speedup({results}, STOCK);
}

/**
 * @typedef {object} GateRow
 * @property {string} name
 * @property {number} before stock's time over ours on record
 * @property {number} now the best that was measured
 * @property {number} change how much longer ours takes beside stock than it did: 0.1 for 10% more; negative where less
 * @property {boolean} worse by more than the tolerance
 */

/**
 * Compares ratios of two runs by name. What only one of them has is left out.
 *
 * @param {Map<string, {ratio: number}>} before
 * @param {Map<string, {ratio: number}>} now
 * @param {number} tolerance as a share, 0.07 for 7%
 * @returns {GateRow[]} the worst first
 */
export function compareRatios(before, now, tolerance) {
  return [...now]
    .filter(([name]) => before.has(name))
    .map(([name, {ratio}]) => {
      const change = before.get(name).ratio / ratio - 1;
      return {name, before: before.get(name).ratio, now: ratio, change, worse: change > tolerance};
    })
    .sort((a, b) => b.change - a.change);
}

/** Of each row the better of two measurements. */
export function bestOf(first, second) {
  const best = new Map(first);
  for (const [name, entry] of second) {
    if (!best.has(name) || entry.ratio > best.get(name).ratio) best.set(name, entry);
  }
  return best;
}

/**
 * @param {GateRow[]} rows
 * @param {number} shown so many of those that are not worse
 * @returns {string} a table for people
 */
export function formatGate(rows, tolerance, shown) {
  const worse = rows.filter((row) => row.worse);
  const listed = [...worse, ...rows.filter((row) => !row.worse).slice(0, shown)];
  const width = Math.max(10, ...listed.map(({name}) => name.length));
  const cells = (name, before, now, change) =>
    `${name.padEnd(width)}  ${before.padStart(8)}  ${now.padStart(8)}  ${change.padStart(7)}`;
  const lines = listed.map(
    ({name, before, now, change, worse: failed}) =>
      `${cells(name, before.toFixed(3), now.toFixed(3), percent(change))}${failed ? '  WORSE' : ''}`,
  );
  const hidden = rows.length - listed.length;
  return [
    `Stock's time over that of ${OURS}, on record and now, and how much more time ours takes beside it`,
    cells('', 'before', 'now', 'more'),
    ...lines,
    ...(hidden > 0 ? [`${hidden} more did no worse than these`] : []),
    `${worse.length} of ${rows.length} are worse by more than ${percent(tolerance).replace('+', '')}`,
  ].join('\n');
}

function percent(share) {
  return `${share >= 0 ? '+' : ''}${(100 * share).toFixed(1)}%`;
}
