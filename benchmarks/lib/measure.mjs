import {summarise} from './statistics.mjs';

/** Loads and first inferences take turns; the smallest time counts, so that going first costs an engine nothing. */
const LOADS = 5;
const WARM_UPS = 4;
/** Longer than the threads of an engine spin after a run: they would take a core from the engine that comes next. */
const PAUSE_MS = 40;

/**
 * @typedef {object} Measurement
 * @property {string} engine
 * @property {string} weights
 * @property {number} threads
 * @property {number} minMs from the call until the results can be read, over all runs
 * @property {number} medianMs
 * @property {number} p95Ms
 * @property {number} firstMs first inference after a load, smallest of five
 * @property {number} loadMs smallest of five loads
 * @property {number | null} heapBytes bytes that model, inputs and packed weights hold after the first inference; null
 *     if the engine does not say
 */

/**
 * Times engines beside each other: A B A B, so that what disturbs the machine meets all of them alike. If the threads of
 * one spin on after a run, there is a pause after every run.
 *
 * @param {import('./engine.mjs').Engine[]} engines
 * @param {object} options
 * @param {number} options.runs timed runs of each engine
 * @param {(line: string) => void | Promise<void>} [options.onProgress]
 * @returns {Promise<{results: Measurement[], outputs: import('./statistics.mjs').Output[][]}>} both in the order of
 *     `engines`
 */
export async function measureInterleaved(engines, {runs, onProgress = () => {}}) {
  const records = engines.map((engine) => ({engine, loads: [], firsts: [], times: [], heapBytes: 0, outputs: []}));

  const rest = engines.some(({spins}) => spins) ? pause : () => {};
  for (let i = 0; i < LOADS; i++) {
    await onProgress(`load ${i + 1} of ${LOADS}`);
    for (const record of records) {
      const {engine} = record;
      await engine.activate();
      if (i > 0) await engine.dispose();
      record.loads.push((await timed(() => engine.load())).ms);
      engine.prepare();
      const first = await timed(() => engine.run());
      record.firsts.push(first.ms);
      record.outputs = first.value.outputs;
      first.value.release();
      record.heapBytes = engine.heapBytes();
      await rest();
    }
  }
  for (let i = -WARM_UPS; i < runs; i++) {
    if (i === -WARM_UPS) await onProgress('warming up');
    if (i >= 0 && i % 10 === 0) await onProgress(`run ${i + 1} of ${runs}`);
    for (const {engine, times} of records) {
      await engine.activate();
      const run = await timed(() => engine.run());
      run.value.release();
      if (i >= 0) times.push(run.ms);
      await rest();
    }
  }
  for (const {engine} of records) {
    await engine.activate();
    await engine.dispose();
  }
  return {
    results: records.map(({engine, loads, firsts, times, heapBytes}) => ({
      engine: engine.name,
      weights: engine.weights,
      threads: engine.threads,
      ...summarise(times),
      firstMs: Math.min(...firsts),
      loadMs: Math.min(...loads),
      heapBytes,
    })),
    outputs: records.map(({outputs}) => outputs),
  };
}

async function timed(action) {
  const start = performance.now();
  const value = await action();
  return {ms: performance.now() - start, value};
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
