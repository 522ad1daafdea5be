// The benchmark itself. Runs in Node and, bundled, in a page: nothing here may use either's own API.
import {tfjsEngine} from './engine.mjs';
import {planInputs} from './inputs.mjs';
import {litertEngine, mostLitertThreads} from './litertEngine.mjs';
import {measureInterleaved} from './measure.mjs';
import {ortEngine} from './ortEngine.mjs';
import {compareOutputs} from './statistics.mjs';
import {UserError} from './userError.mjs';

/** Name of the backend, and of our engine or what its name begins with. */
export const OURS = 'blocksparse-1xn';
export const STOCK = 'tfjs-wasm';

/** Engines that are no backend of tfjs. */
const OTHERS = {
  litert: {engine: litertEngine, mostThreads: mostLitertThreads},
  ort: {engine: ortEngine, mostThreads: (runtime) => runtime.mostThreads},
};

/** Names of the engines that ours can be measured beside. */
export const PEERS = [STOCK, ...Object.keys(OTHERS)];

/**
 * @typedef {object} PeerRuntime what differs between Node and a page for an engine that is no backend of tfjs
 * @property {(threads: number) => Promise<any>} importCopy gives its module; in a page an instance for each number
 * @property {string} [wasmUrl] where its wasm files are, unless it knows
 * @property {() => Promise<Uint8Array>} readModel
 * @property {number} mostThreads
 */

/**
 * @typedef {object} BenchmarkResult
 * @property {import('./measure.mjs').Measurement[]} results ours first, one for each number of threads
 * @property {import('./statistics.mjs').Difference | null} difference of our outputs from stock's; null if we run a
 *     pruned model
 * @property {Record<string, import('./statistics.mjs').Difference>} differences from stock, of every other engine that
 *     runs the untouched model
 * @property {string} variant which of our kernels ran: relaxed or simd128
 * @property {string} tfjs its version
 * @property {string[]} notes what the reader of the figures has to know
 */

/**
 * Times a model on our backend, once for each number of threads, and on its peers. The peers run the untouched model:
 * their time does not depend on zeros. Stock runs on one thread, the others on as many as ours where they can. All get the
 * same input.
 *
 * @param {Pick<import('./options.mjs').BenchOptions, 'n' | 'sparsity' | 'threads' | 'runs' | 'peers' | 'size'>} options
 * @param {object} host what differs between Node and a page
 * @param {typeof import('@tensorflow/tfjs-core')} host.tf
 * @param {typeof import('../../src/index')} host.blocksparse
 * @param {() => ReturnType<typeof import('./loadModel.mjs').loadModel>} host.loadModel
 * @param {'graph' | 'layers'} host.format
 * @param {Record<string, PeerRuntime>} host.peers
 * @param {(line: string) => void | Promise<void>} host.onProgress
 * @returns {Promise<BenchmarkResult>}
 * @throws {UserError} if the backend runs on fewer threads than asked for, or a peer's file is of another network
 */
export async function runBenchmark({n, sparsity, threads, runs, peers, size}, host) {
  const {tf, onProgress} = host;
  // An isolated page would give stock its threaded build, an unfair match for one thread of ours.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const variant = await startBackend(Math.max(...threads), host);
  const plan = (model) => planInputs(model, {format: host.format, size});
  const stock = await runOnce(stockEngine(plan, host));

  const pruning = sparsity > 0 ? {n, sparsity} : null;
  const ours = threads.map((count) => ourEngine(engineName(OURS, count, threads), count, pruning, plan, host));
  const notes = [];
  const engines = [...ours];
  for (const peer of peers) {
    if (peer === STOCK) engines.push(stockEngine(plan, host));
    else engines.push(...(await otherEngines(peer, threads, stock.plans, host, notes)));
  }
  const {results, outputs} = await measureInterleaved(engines, {runs, onProgress});
  const differences = {};
  for (const [i, {name}] of engines.entries()) {
    if (name === STOCK || (pruning && ours.includes(engines[i]))) continue;
    differences[name] = differenceOf(name, stock.outputs, outputs[i]);
  }
  return {results, difference: differences[ours[0].name] ?? null, differences, variant, tfjs: tf.version_core, notes};
}

function stockEngine(plan, {tf, loadModel}) {
  return tfjsEngine({name: STOCK, weights: 'untouched', backend: 'wasm', tf, loadModel, plan});
}

/** What the others are fed and must agree with. */
async function runOnce(engine) {
  await engine.activate();
  await engine.load();
  engine.prepare();
  const {outputs, release} = await engine.run();
  release();
  const plans = engine.inputPlans();
  engine.dispose();
  return {outputs, plans};
}

/** One engine for each number of threads that a peer can run on; what it cannot goes to `notes`. */
async function otherEngines(peer, threads, plans, {peers}, notes) {
  const runtime = peers[peer];
  const {engine, mostThreads} = OTHERS[peer];
  const most = await mostThreads(runtime);
  if (Math.max(...threads) > most)
    notes.push(`${peer} runs on at most ${most} ${most === 1 ? 'thread' : 'threads'} here.`);
  const counts = [...new Set(threads.map((count) => Math.min(count, most)))];
  return counts.map((count) => {
    const name = engineName(peer, count, threads);
    const made = engine({name, threads: count, plans, runtime});
    const load = async () => {
      try {
        await made.load();
      } catch (error) {
        throw new UserError(`${name} cannot load its file: ${error?.message ?? error}`);
      }
    };
    return {...made, load};
  });
}

function differenceOf(name, expected, actual) {
  if (actual.length !== expected.length) {
    throw new UserError(
      `${name} has ${actual.length} outputs, stock ${expected.length}: its file is of another network`,
    );
  }
  return compareOutputs(expected, actual);
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

function engineName(engine, count, all) {
  return all.length === 1 ? engine : `${engine}, ${count} ${count === 1 ? 'thread' : 'threads'}`;
}

function ourEngine(name, threads, pruning, plan, {tf, blocksparse, loadModel}) {
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
    plan,
    packedBytes() {
      const {packedBytes = 0, droppedBytes = 0} = blocksparse.backendInfo();
      return packedBytes - droppedBytes;
    },
  });
}
