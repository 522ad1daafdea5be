// What it costs to hand a task to the workers of our backend's pool.
import {importTypeScript} from './bundle.mjs';
import {quantile} from './statistics.mjs';

const {Job} = await importTypeScript('kernels/task.ts');

const PAUSE_MS = 100;
/** Regions run back to back for each pause. */
const REGIONS_A_PAUSE = 500;
/** Units of a region that measures what taking one costs. */
const MANY_UNITS = 4096;
/** Longer than a worker takes to wake up. */
const WAKE_MS = 0.5;

/**
 * A parallel region without work: publishes a task and hears that all of its units are done. Workers that are late find
 * nothing left to take.
 *
 * @param {{run: (call: object) => void}} runner the active backend's
 * @param {number} units as many as there are threads: one for each
 */
function emptyRegion(runner, units) {
  runner.run({job: Job.nothing, words: [], items: units, unitItems: 1});
}

/**
 * Has the workers spin when it returns.
 *
 * @param {{run: (call: object) => void, threads: number}} runner
 */
export function wakeWorkers(runner) {
  for (const end = performance.now() + WAKE_MS; performance.now() < end;) emptyRegion(runner, runner.threads);
}

/**
 * @typedef {object} Spread microseconds
 * @property {number} low 10th percentile
 * @property {number} median
 * @property {number} high 90th percentile
 */

/**
 * Times empty regions on as many threads as the runner has.
 *
 * @param {{run: (call: object) => void, threads: number}} runner
 * @param {number} rounds
 * @returns {Promise<{spinning: Spread, asleep: Spread, unit: Spread}>} workers that spin; workers that have slept for a
 *     while; one unit of a region of thousands
 */
export async function measureDispatch(runner, rounds) {
  const {threads} = runner;
  const samples = {spinning: [], asleep: [], unit: []};
  for (let round = 0; round < rounds; round++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    samples.asleep.push(timeRegion(runner, threads));
    wakeWorkers(runner);
    for (let i = 0; i < REGIONS_A_PAUSE; i++) samples.spinning.push(timeRegion(runner, threads));
    samples.unit.push(timeRegion(runner, MANY_UNITS) / MANY_UNITS);
  }
  return Object.fromEntries(Object.entries(samples).map(([name, times]) => [name, spread(times)]));
}

function timeRegion(runner, units) {
  const start = performance.now();
  emptyRegion(runner, units);
  return (performance.now() - start) * 1000;
}

function spread(times) {
  const sorted = times.sort((a, b) => a - b);
  return {low: quantile(sorted, 0.1), median: quantile(sorted, 0.5), high: quantile(sorted, 0.9)};
}
