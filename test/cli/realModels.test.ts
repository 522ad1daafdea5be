// Real models pruned by the load hook, by the API and by the command line.
import '@tensorflow/tfjs-backend-wasm';
import {rmSync} from 'node:fs';
import path from 'node:path';
import {loadGraphModelSync, type GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {pruneArtifacts, pruneOnLoad} from '../../src/graph';
import {callForJson, temporaryFolder} from '../support/commandLine';
import {readModel, realGraphModels} from '../support/realModels';

let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  await tf.setBackend('wasm');
});
afterEach(() => pruneOnLoad(null));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

const load = (artifacts: tf.io.ModelArtifacts) =>
  loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);

/** The values that a model has loaded, by name. It is disposed of. */
function loadedWeights(model: Pick<GraphModel, 'weights' | 'dispose'>): Record<string, Buffer> {
  const entries = Object.entries(model.weights).flatMap(([name, tensors]) =>
    tensors.map((tensor, i): [string, Buffer] => [`${name}:${i}`, bytesOf(tensor.dataSync())]),
  );
  model.dispose();
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const bytesOf = ({buffer, byteOffset, byteLength}: ArrayBufferView) =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

test.each(realGraphModels())('%s, pruned at 50%%, is the same by hook, API and command line', (_, file) => {
  const options = {n: 4, sparsity: 0.5} as const;
  const out = path.join(folder, 'out');
  callForJson(['prune', file, out, '--n', '4', '--sparsity', '0.5', '--force']);
  const written = readModel(path.join(out, 'model.json'));
  const {artifacts, report} = pruneArtifacts(readModel(file), options);
  expect(report.totals.blocksAfter).toBeLessThan(report.totals.blocksBefore);
  expect(Buffer.from(written.weightData).equals(Buffer.from(artifacts.weightData as ArrayBuffer))).toBe(true);
  expect(written.weightSpecs).toEqual(artifacts.weightSpecs);

  const byCommandLine = loadedWeights(load(written));
  pruneOnLoad(options);
  const byHook = loadedWeights(load(readModel(file)));
  expect(Object.keys(byHook)).toEqual(Object.keys(byCommandLine));
  for (const [name, bytes] of Object.entries(byHook)) {
    expect([name, bytes.equals(byCommandLine[name])]).toEqual([name, true]);
  }
});
