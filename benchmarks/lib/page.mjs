// The page of the benchmark: bundled and opened by browsers.mjs. Takes its task from the server and posts what comes of it.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {runBenchmark} from './benchmark.mjs';
import {loadModel} from './loadModel.mjs';
import {encode} from './message.mjs';
import {UserError} from './userError.mjs';

const post = (url, value) => fetch(url, {method: 'POST', body: encode(value)});
const onProgress = (line) => post('/progress', line);

addEventListener('error', ({message}) => onProgress(`page error: ${message}`));
addEventListener('unhandledrejection', ({reason}) => onProgress(`page error: ${reason?.message ?? reason}`));

answer().then((value) => post('/answer', value));

/** @returns {Promise<{result: object} | {problem: string} | {error: string}>} an error's class does not leave a page */
async function answer() {
  try {
    const {modelUrl, format, peers, options} = await (await fetch('/request.json')).json();
    await onProgress('the page has started');
    setWasmPaths('/wasm/');
    const host = {
      tf,
      blocksparse,
      loadModel: () => loadModel(format, modelUrl),
      format,
      peers: Object.fromEntries(Object.entries(peers).map(([name, urls]) => [name, peerRuntime(urls)])),
      onProgress,
    };
    return {result: await runBenchmark(options, host)};
  } catch (error) {
    return error instanceof UserError ? {problem: error.message} : {error: `${error?.message}\n${error?.stack}`};
  }
}

/** @returns {import('./benchmark.mjs').PeerRuntime} */
function peerRuntime({script, wasm, model}) {
  return {
    // A module of another URL is another instance, with memory and threads of its own.
    importCopy: (threads) => import(`${script}?threads=${threads}`),
    wasmUrl: new URL(wasm, location.href).href,
    async readModel() {
      const response = await fetch(model);
      if (!response.ok) throw new Error(`cannot read ${model}: ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
    mostThreads: crossOriginIsolated ? Infinity : 1,
  };
}
