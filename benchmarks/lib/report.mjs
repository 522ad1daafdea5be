import os from 'node:os';
import Table from 'cli-table3';
import {OURS, STOCK} from './benchmark.mjs';

/** Largest difference from stock, as a share of the output's range, that an untouched model may show. */
export const TOLERANCE = 1e-3;

/**
 * What `--json` prints. `ratios` are an engine's minimum over that of ours on one thread, or on the first number of
 * threads where one was not asked for.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options
 * @param {import('./benchmark.mjs').BenchmarkResult & {runtime: string}} result
 */
export function makeReport(model, options, {results, difference, variant, tfjs, runtime}) {
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
    model: model.name,
    n,
    sparsity,
    threads,
    env,
    results: results.map(roundTimes),
    ratios: Object.fromEntries(others.map(({engine, minMs}) => [engine, round(minMs / reference.minMs)])),
    difference,
  };
}

/** Our run on one thread, or the first. */
function referenceOf(results) {
  const ours = results.filter(isOurs);
  return ours.find(({threads}) => threads === 1) ?? ours[0];
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
 * @returns {string | null} what is wrong with our outputs, in one line
 */
export function outputProblem({difference, model}) {
  if (difference === null || difference.relative <= TOLERANCE) return null;
  const {output, maxAbsDiff, range} = difference;
  return `${model}: output ${output} differs from stock's by ${maxAbsDiff}, more than ${TOLERANCE} of its range ${range}`;
}

/**
 * The report for people.
 *
 * @param {ReturnType<typeof makeReport>} report
 * @returns {string}
 */
export function formatTable({machine, model, sparsity, results, ratios, difference}) {
  const table = new Table({
    head: ['engine', 'weights', 'min ms', 'median', 'p95', 'first', 'load', 'heap MB'],
    colAligns: ['left', 'left', ...Array(6).fill('right')],
    style: {head: [], border: []},
  });
  for (const {engine, weights, minMs, medianMs, p95Ms, firstMs, loadMs, heapBytes} of results) {
    const times = [minMs, medianMs, p95Ms, firstMs, loadMs].map((ms) => ms.toFixed(2));
    table.push([engine, weights, ...times, (heapBytes / 1e6).toFixed(1)]);
  }
  const counts = results.filter(isOurs).map(({threads}) => threads);
  const threads = `threads: ${counts.join(', ')}`;
  const lines = [
    `${model} on ${machine.cpu}, ${machine.runtime}, tfjs ${machine.tfjs}, ${machine.variant} kernels, ${threads}`,
    table.toString(),
    ...ratioLines(results, ratios),
  ];
  if (sparsity > 0) lines.push('Peers run the untouched model: their time does not depend on zeros.');
  if (Math.max(...counts) > 1 && results.some(({engine}) => engine === STOCK)) {
    lines.push(
      `${STOCK} runs on one thread; left to itself it takes half of the cores in an isolated page, one in Node.`,
    );
  }
  if (difference !== null) {
    lines.push(`Largest difference of an output: ${difference.relative.toExponential(1)} of its range.`);
  }
  return lines.join('\n');
}

/** Peers by what ours is faster than they, ours by what more threads bring. */
function ratioLines(results, ratios) {
  const reference = referenceOf(results).engine;
  return results
    .filter(({engine}) => engine !== reference)
    .map((result) => {
      const {engine} = result;
      const [slow, fast, ratio] = isOurs(result)
        ? [reference, engine, 1 / ratios[engine]]
        : [engine, reference, ratios[engine]];
      return `${slow} / ${fast}: ${ratio.toFixed(2)}x (minimum over the runs)`;
    });
}
