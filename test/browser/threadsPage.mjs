// A model on stock wasm and on blocksparse-1xn with several threads, in a page or in a worker of it.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from 'tfjs-backend-blocksparse-1xn';
import {tfjsEngine} from '../../benchmarks/lib/engine.mjs';
import {compareOutputs} from '../../benchmarks/lib/statistics.mjs';
import {answerWith, askWorker, isWorker} from './inWorker.mjs';

let engine;
let first;

async function makeEngine(backend, modelUrl) {
  const made = tfjsEngine({name: backend, weights: '', backend, tf, loadModel: () => loadGraphModel(modelUrl)});
  await made.activate();
  await made.load();
  made.prepare();
  return made;
}

async function outputsOf({run}) {
  const {outputs, release} = await run();
  release();
  return outputs;
}

function sameBits(a, b) {
  const bytes = ({data}) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return a.every((output, i) => {
    const [x, y] = [bytes(output), bytes(b[i])];
    return x.length === y.length && x.every((byte, at) => byte === y[at]);
  });
}

/** Whether so many inferences give the bits of the first one. */
async function infer(count) {
  for (let i = 0; i < count; i++) if (!sameBits(await outputsOf(engine), first)) return false;
  return true;
}

/**
 * Starts stock, then ours on several threads, compares the two, and ours with itself on one thread.
 *
 * @param {{modelUrl: string, threads: number, workerUrl: string | null}} request without `workerUrl` the package's own
 *     workers run, else classic and module workers of that script in turn
 */
async function compare({modelUrl, threads, workerUrl}) {
  const warnings = [];
  console.warn = (...words) => warnings.push(words.join(' '));
  setWasmPaths('/wasm/');
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false); // stock's workers come from blobs
  const stock = await makeEngine('wasm', modelUrl);
  const expected = await outputsOf(stock);
  stock.dispose();

  let made = 0;
  const workerFactory = () => new Worker(workerUrl, {type: made++ % 2 ? 'module' : 'classic'});
  blocksparse.configure({threads, workerFactory: workerUrl === null ? null : workerFactory});
  engine = await makeEngine('blocksparse-1xn', modelUrl);
  const atStart = blocksparse.backendInfo().threads;
  first = await outputsOf(engine);
  const repeats = await infer(5);
  const {threads: atEnd, reasons} = blocksparse.backendInfo();
  const {memory} = tf.backend().wasm.asm;
  const shared = typeof SharedArrayBuffer === 'function' && memory.buffer instanceof SharedArrayBuffer;
  blocksparse.configure({threads: 1});
  const onOneThread = await infer(1);
  blocksparse.configure({threads});
  return {
    isolated: globalThis.crossOriginIsolated,
    inWorker: isWorker,
    threads: [atStart, atEnd],
    reasons,
    warnings,
    shared,
    sameBits: repeats && onOneThread,
    difference: compareOutputs(expected, first).relative,
  };
}

if (isWorker) {
  answerWith(compare);
} else {
  globalThis.compareOnThreads = (request) => (request.inWorker ? askWorker(request) : compare(request));
  globalThis.infer = async (count) => ({state: document.visibilityState, sameBits: await infer(count)});
}
