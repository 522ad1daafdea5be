// The benchmark itself. Runs in Node and, bundled, in a page: nothing here may use either's own API.
import {tfjsEngine} from './engine.mjs';
import {measureInterleaved} from './measure.mjs';
import {compareOutputs} from './statistics.mjs';

/** Name of our engine and of the backend. */
export const OURS = 'blocksparse-1xn';
const STOCK = 'tfjs-wasm';

const PEER_ENGINES = {
  [STOCK]: ({tf, loadModel}) => tfjsEngine({name: STOCK, weights: 'untouched', backend: 'wasm', tf, loadModel}),
};

/** Names of the engines that ours can be measured beside. */
export const PEERS = Object.keys(PEER_ENGINES);

/**
 * @typedef {object} BenchmarkResult
 * @property {import('./measure.mjs').Measurement[]} results ours first
 * @property {import('./statistics.mjs').Difference | null} difference of our outputs from stock's; null if we run a
 *     pruned model or stock is not among the peers
 * @property {string} variant which of our kernels ran: relaxed or simd128
 * @property {string} tfjs its version
 */

/**
 * Times a model on our backend and on its peers. The peers run the untouched model: their time does not depend on zeros.
 *
 * @param {Pick<import('./options.mjs').BenchOptions, 'n' | 'sparsity' | 'runs' | 'peers'>} options
 * @param {object} host what differs between Node and a page
 * @param {typeof import('@tensorflow/tfjs-core')} host.tf
 * @param {typeof import('../../src/index')} host.blocksparse
 * @param {() => Promise<import('@tensorflow/tfjs-converter').GraphModel>} host.loadModel
 * @param {(line: string) => void} host.onProgress
 * @returns {Promise<BenchmarkResult>}
 */
export async function runBenchmark({n, sparsity, runs, peers}, host) {
  const {tf, blocksparse, onProgress} = host;
  // An isolated page would give stock its threaded build, an unfair match for one thread of ours.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const ours = ourEngine(sparsity > 0 ? {n, sparsity} : null, host);
  await ours.activate();
  const {variant} = blocksparse.backendInfo();

  const engines = [ours, ...peers.map((peer) => PEER_ENGINES[peer](host))];
  const {results, outputs} = await measureInterleaved(engines, {runs, onProgress});
  const stock = engines.findIndex(({name}) => name === STOCK);
  const difference = sparsity > 0 || stock < 0 ? null : compareOutputs(outputs[stock], outputs[0]);
  return {results, difference, variant, tfjs: tf.version_core};
}

function ourEngine(pruning, {tf, blocksparse, loadModel}) {
  return tfjsEngine({
    name: OURS,
    weights: pruning ? `pruned 1x${pruning.n} ${Number((100 * pruning.sparsity).toFixed(2))}%` : 'untouched',
    backend: 'blocksparse-1xn',
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
