import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, pruneGraphModel, saveBlockSparse} from 'tfjs-backend-blocksparse-1xn';

/** One inference's output on a backend. */
async function outputOf(source, backend) {
  await tf.setBackend(backend);
  const model = await loadGraphModel(source);
  const {droppedBytes} = backend === 'wasm' ? {droppedBytes: 0} : backendInfo();
  const [{shape, dtype}] = model.inputs;
  const x = tf.tidy(() => tf.fill(shape, 100, dtype));
  const output = model.execute(x);
  const values = [...(await output.data())];
  tf.dispose([x, output]);
  model.dispose();
  return {values, droppedBytes};
}

/** Saves a pruned model in the browser's database, and compares what is loaded from there with the plain one. */
globalThis.saveAndLoad = async (modelUrl) => {
  setWasmPaths('/wasm/');
  const url = 'indexeddb://packed';
  const {artifacts} = await pruneGraphModel(await tf.io.http(modelUrl).load(), {n: 4, sparsity: 0.5});
  const {report, modelArtifactsInfo} = await saveBlockSparse(artifacts, url);
  const same = {};
  let droppedBytes = 0;
  for (const backend of ['blocksparse-1xn', 'wasm']) {
    const [plain, packed] = [await outputOf(tf.io.fromMemory(artifacts), backend), await outputOf(url, backend)];
    same[backend] = plain.values.length > 0 && plain.values.every((value, i) => Object.is(value, packed.values[i]));
    droppedBytes += packed.droppedBytes;
  }
  const folder = await saveBlockSparse(artifacts, 'folder').catch((error) => error.message);
  const {bytesBefore, bytesAfter} = report;
  return {same, droppedBytes, folder, bytesBefore, bytesAfter, saved: modelArtifactsInfo.weightDataBytes};
};
