import os from 'node:os';
import Table from 'cli-table3';
import {OURS} from './benchmark.mjs';

/** Largest difference from stock, as a share of the output's range, that an untouched model may show. */
export const TOLERANCE = 1e-3;

/**
 * What `--json` prints.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options
 * @param {import('./benchmark.mjs').BenchmarkResult & {runtime: string}} result
 */
export function makeReport(model, options, {results, difference, variant, tfjs, runtime}) {
  const {n, sparsity, threads, env} = options;
  const ours = results.find(({engine}) => engine === OURS);
  const peers = results.filter((result) => result !== ours);
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
    ratios: Object.fromEntries(peers.map(({engine, minMs}) => [engine, round(minMs / ours.minMs)])),
    difference,
  };
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
export function formatTable({machine, model, sparsity, threads, results, ratios, difference}) {
  const table = new Table({
    head: ['engine', 'weights', 'min ms', 'median', 'p95', 'first', 'load', 'heap MB'],
    colAligns: ['left', 'left', ...Array(6).fill('right')],
    style: {head: [], border: []},
  });
  for (const {engine, weights, minMs, medianMs, p95Ms, firstMs, loadMs, heapBytes} of results) {
    const times = [minMs, medianMs, p95Ms, firstMs, loadMs].map((ms) => ms.toFixed(2));
    table.push([engine, weights, ...times, (heapBytes / 1e6).toFixed(1)]);
  }
  const lines = [
    `${model} on ${machine.cpu}, ${machine.runtime}, tfjs ${machine.tfjs}, ${machine.variant} kernels, threads: ${threads}`,
    table.toString(),
    ...Object.entries(ratios).map(([peer, ratio]) => `${peer} / ${OURS}: ${ratio.toFixed(2)}x (minimum over the runs)`),
  ];
  if (sparsity > 0) lines.push('Peers run the untouched model: their time does not depend on zeros.');
  if (difference !== null) {
    lines.push(`Largest difference of an output: ${difference.relative.toExponential(1)} of its range.`);
  }
  return lines.join('\n');
}
