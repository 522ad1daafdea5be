import {tfjsEngine} from '../../benchmarks/lib/engine.mjs';
import {compareOutputs} from '../../benchmarks/lib/statistics.mjs';

/**
 * Runs models on stock wasm and on blocksparse-1xn, in a page, and compares what they give.
 *
 * @param {object} api of tfjs and of the bundle under test
 * @param {{wasmPath: string, cases: {modelUrl: string, pruning: object | null}[]}} request
 */
export async function comparePage({tf, loadGraphModel, setWasmPaths, blocksparse}, {wasmPath, cases}) {
  setWasmPaths(wasmPath);
  await tf.ready();
  const defaultBackend = tf.getBackend();
  const differences = [];
  for (const {modelUrl, pruning} of cases) {
    // Both engines load through the hook, so both run the same weights.
    blocksparse.pruneOnLoad(pruning);
    const loadModel = () => loadGraphModel(modelUrl);
    const outputs = [];
    for (const backend of ['wasm', 'blocksparse-1xn']) {
      outputs.push(await runOnce(tfjsEngine({name: backend, weights: '', backend, tf, loadModel})));
    }
    blocksparse.pruneOnLoad(null);
    differences.push({modelUrl, pruning, ...compareOutputs(outputs[0], outputs[1])});
  }
  const {variant, threads} = blocksparse.backendInfo();
  return {
    defaultBackend,
    backend: tf.getBackend(),
    differences,
    variant,
    threads,
    tensorsLeft: tf.memory().numTensors,
    isolated: globalThis.crossOriginIsolated,
  };
}

async function runOnce(engine) {
  await engine.activate();
  await engine.load();
  engine.prepare();
  const {outputs, release} = await engine.run();
  release();
  engine.dispose();
  return outputs;
}
