// The benchmark itself. Runs in Node and, bundled, in a page: nothing here may use either's own API.
import {tfjsEngine} from './engine.mjs';
import {measureInterleaved} from './measure.mjs';
import {compareOutputs} from './statistics.mjs';
import {UserError} from './userError.mjs';

/** Name of the backend, and of our engine or what its name begins with. */
export const OURS = 'blocksparse-1xn';
export const STOCK = 'tfjs-wasm';

const PEER_ENGINES = {
  [STOCK]: ({tf, loadModel}) => tfjsEngine({name: STOCK, weights: 'untouched', backend: 'wasm', tf, loadModel}),
};

/** Names of the engines that ours can be measured beside. */
export const PEERS = Object.keys(PEER_ENGINES);

/**
 * @typedef {object} BenchmarkResult
 * @property {import('./measure.mjs').Measurement[]} results ours first, one for each number of threads
 * @property {import('./statistics.mjs').Difference | null} difference of our outputs from stock's; null if we run a
 *     pruned model or stock is not among the peers
 * @property {string} variant which of our kernels ran: relaxed or simd128
 * @property {string} tfjs its version
 */

/**
 * Times a model on our backend, once for each number of threads, and on its peers. The peers run the untouched model:
 * their time does not depend on zeros. Stock runs on one thread.
 *
 * @param {Pick<import('./options.mjs').BenchOptions, 'n' | 'sparsity' | 'threads' | 'runs' | 'peers'>} options
 * @param {object} host what differs between Node and a page
 * @param {typeof import('@tensorflow/tfjs-core')} host.tf
 * @param {typeof import('../../src/index')} host.blocksparse
 * @param {() => Promise<import('@tensorflow/tfjs-converter').GraphModel>} host.loadModel
 * @param {(line: string) => void} host.onProgress
 * @returns {Promise<BenchmarkResult>}
 * @throws {UserError} if the backend runs on fewer threads than asked for
 */
export async function runBenchmark({n, sparsity, threads, runs, peers}, host) {
  const {tf, onProgress} = host;
  // An isolated page would give stock its threaded build, an unfair match for one thread of ours.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const variant = await startBackend(Math.max(...threads), host);

  const pruning = sparsity > 0 ? {n, sparsity} : null;
  const ours = threads.map((count) => ourEngine(engineName(count, threads), count, pruning, host));
  const engines = [...ours, ...peers.map((peer) => PEER_ENGINES[peer](host))];
  const {results, outputs} = await measureInterleaved(engines, {runs, onProgress});
  const stock = engines.findIndex(({name}) => name === STOCK);
  const difference = sparsity > 0 || stock < 0 ? null : compareOutputs(outputs[stock], outputs[0]);
  return {results, difference, variant, tfjs: tf.version_core};
}

/**
 * Starts our backend with all the threads that will be needed: engines only choose how many of them take part.
 *
 * @returns {Promise<string>} its kernel variant
 */
export async function startBackend(threads, {tf, blocksparse}) {
  blocksparse.configure({threads});
  if (!(await tf.setBackend(OURS))) throw new Error(`tfjs cannot start the backend ${OURS}`);
  checkThreads(threads, blocksparse);
  return blocksparse.backendInfo().variant;
}

function checkThreads(wanted, blocksparse) {
  const {threads, reasons} = blocksparse.backendInfo();
  if (threads < wanted) throw new UserError(`${OURS} runs on ${threads} of ${wanted} threads: ${reasons.join('; ')}`);
}

function engineName(count, all) {
  return all.length === 1 ? OURS : `${OURS}, ${count} ${count === 1 ? 'thread' : 'threads'}`;
}

function ourEngine(name, threads, pruning, {tf, blocksparse, loadModel}) {
  return tfjsEngine({
    name,
    threads,
    configure() {
      blocksparse.configure({threads});
      checkThreads(threads, blocksparse); // a worker may have died since
    },
    weights: pruning ? `pruned 1x${pruning.n} ${Number((100 * pruning.sparsity).toFixed(2))}%` : 'untouched',
    backend: OURS,
    tf,
    async loadModel() {
      blocksparse.pruneOnLoad(pruning);
      try {
        return await loadModel();
      } finally {
        blocksparse.pruneOnLoad(null);
      }
    },
    packedBytes: () => blocksparse.backendInfo().packedBytes ?? 0,
  });
}
