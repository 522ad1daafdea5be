import os from 'node:os';
import Table from 'cli-table3';
import {OURS, STOCK} from './benchmark.mjs';

/** Largest difference from stock, as a share of the output's range, that an engine may show with the untouched model. */
export const TOLERANCE = 1e-3;

/**
 * What `--json` prints. `ratios` are an engine's minimum over that of ours: of a peer on as many threads, of ours itself on
 * one thread, and where that was not asked for on the first number of threads.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options
 * @param {import('./benchmark.mjs').BenchmarkResult & {runtime: string, versions: Record<string, string>}} result
 *     `versions` of the peers other than stock
 */
export function makeReport(
  model,
  options,
  {results, difference, differences, variant, tfjs, runtime, versions, notes},
) {
  const {n, sparsity, threads, env} = options;
  const reference = referenceOf(results);
  const others = results.filter((result) => result !== reference);
  return {
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.availableParallelism(),
      platform: `${os.platform()} ${os.arch()}`,
      runtime,
      tfjs,
      variant,
    },
    versions: {tfjs, ...versions},
    model: model.name,
    n,
    sparsity,
    threads,
    env,
    results: results.map(roundTimes),
    ratios: Object.fromEntries(
      others.map((result) => [result.engine, round(result.minMs / baseOf(result, results).minMs)]),
    ),
    difference,
    differences,
    notes,
  };
}

/** Our run on one thread, or the first. */
function referenceOf(results) {
  const ours = results.filter(isOurs);
  return ours.find(({threads}) => threads === 1) ?? ours[0];
}

/** What an engine is compared with. */
function baseOf(result, results) {
  const reference = referenceOf(results);
  if (isOurs(result)) return reference;
  return results.find((other) => isOurs(other) && other.threads === result.threads) ?? reference;
}

function isOurs({engine}) {
  return engine.startsWith(OURS);
}

function roundTimes(result) {
  const rounded = Object.entries(result).map(([key, value]) => [key, key.endsWith('Ms') ? round(value) : value]);
  return Object.fromEntries(rounded);
}

function round(value) {
  return Number(value.toFixed(3));
}

/**
 * @param {ReturnType<typeof makeReport>} report
 * @returns {string | null} what is wrong with outputs, in one line
 */
export function outputProblem({differences, model}) {
  const [worst] = Object.entries(differences).sort(([, a], [, b]) => b.relative - a.relative);
  if (worst === undefined || worst[1].relative <= TOLERANCE) return null;
  const [engine, {output, maxAbsDiff, range}] = worst;
  return `${model}: output ${output} of ${engine} differs from stock's by ${maxAbsDiff}, more than ${TOLERANCE} of its range ${range}`;
}

/**
 * The report for people.
 *
 * @param {ReturnType<typeof makeReport>} report
 * @returns {string}
 */
export function formatTable({machine, versions, model, sparsity, results, ratios, differences, notes}) {
  const table = new Table({
    head: ['engine', 'weights', 'min ms', 'median', 'p95', 'first', 'load', 'heap MB'],
    colAligns: ['left', 'left', ...Array(6).fill('right')],
    style: {head: [], border: []},
  });
  for (const {engine, weights, minMs, medianMs, p95Ms, firstMs, loadMs, heapBytes} of results) {
    const times = [minMs, medianMs, p95Ms, firstMs, loadMs].map((ms) => ms.toFixed(2));
    table.push([engine, weights, ...times, heapBytes === null ? '' : (heapBytes / 1e6).toFixed(1)]);
  }
  const counts = results.filter(isOurs).map(({threads}) => threads);
  const threads = `threads: ${counts.join(', ')}`;
  const engines = Object.entries(versions).map((entry) => entry.join(' '));
  const lines = [
    `${model} on ${[machine.cpu, machine.runtime, ...engines].join(', ')}, ${machine.variant} kernels, ${threads}`,
    table.toString(),
    ...ratioLines(results, ratios),
  ];
  if (sparsity > 0) lines.push('Peers run the untouched model: their time does not depend on zeros.');
  if (Math.max(...counts) > 1 && results.some(({engine}) => engine === STOCK)) {
    lines.push(
      `${STOCK} runs on one thread; left to itself it takes half of the cores in an isolated page, one in Node.`,
    );
  }
  for (const [engine, {relative}] of Object.entries(differences)) {
    lines.push(
      `${engine}: outputs differ from stock's by ${relative.toExponential(1)} of their range (up to ${TOLERANCE} passes).`,
    );
  }
  lines.push(...notes);
  return lines.join('\n');
}

/** Peers by what ours is faster than they, ours by what more threads bring. */
function ratioLines(results, ratios) {
  const reference = referenceOf(results);
  return results
    .filter((result) => result !== reference)
    .map((result) => {
      const {engine} = result;
      const base = baseOf(result, results).engine;
      const [slow, fast, ratio] = isOurs(result) ? [base, engine, 1 / ratios[engine]] : [engine, base, ratios[engine]];
      return `${slow} / ${fast}: ${ratio.toFixed(2)}x (minimum over the runs)`;
    });
}
