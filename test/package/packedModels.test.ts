// Packed models as apps load them: over http by plain loadGraphModel, with this package and without.
import {createReadStream, mkdtempSync, rmSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import {type AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {pruneArtifacts, saveBlockSparse} from '../../src/graph';
import {PACKED_OP} from '../../src/graph/packed/format';
import {ConvGraphBuilder} from '../graph/convGraphs';
import {runScript} from '../support/nodeScript';

let server: Server;
let folder: string;
let url: string;

beforeAll(async () => {
  const graph = new ConvGraphBuilder(3);
  const x = graph.input('x', [-1, 6, 6, 8]);
  graph.conv('y', graph.conv('first', x, {out: 32, fused: ['BiasAdd']}), {out: 16, k: 3});
  const {artifacts} = pruneArtifacts(graph.artifacts(['y']), {sparsity: 0.5, rearrange: false, layers: ['y']});
  folder = mkdtempSync(path.join(tmpdir(), 'packed-'));
  await saveBlockSparse(artifacts, path.join(folder, 'model'));
  server = createServer((request, response) => {
    createReadStream(path.join(folder, 'model', path.basename(request.url!))).pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, done));
  url = `http://localhost:${(server.address() as AddressInfo).port}/model.json`;
});
afterAll(() => {
  server.close();
  rmSync(folder, {recursive: true, force: true});
});

/** What an app prints that has set a backend and runs the model once. */
async function run(backend: string, imports: string): Promise<string> {
  const {code, stdout, stderr} = await runScript(`
    import * as tf from '@tensorflow/tfjs-core';
    import {loadGraphModel} from '@tensorflow/tfjs-converter';
    import '@tensorflow/tfjs-backend-cpu';
    import '@tensorflow/tfjs-backend-wasm';
    ${imports}
    await tf.setBackend('${backend}');
    const x = tf.tensor(Float32Array.from({length: 288}, (_, i) => Math.sin(i)), [1, 6, 6, 8]);
    try {
      const model = await loadGraphModel('${url}');
      const values = model.predict(x).dataSync();
      console.log(values.length, Math.round(1000 * values.reduce((sum, value) => sum + Math.abs(value))));
    } catch (error) {
      console.log(error.message);
    }`);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim().split('\n').at(-1)!;
}

test('a packed model loads over http and gives one result on every backend', async () => {
  const imports = "import 'tfjs-backend-blocksparse-1xn';";
  const results = [];
  for (const backend of ['blocksparse-1xn', 'wasm', 'cpu']) results.push(await run(backend, imports));
  expect(results[0]).toMatch(/^576 \d+$/);
  expect(new Set(results).size).toBe(1);
});

test("without this package tfjs's error names the op, and that names the package", async () => {
  expect(await run('cpu', '')).toContain(`'${PACKED_OP}'`);
  expect(PACKED_OP).toMatch(/install_tfjs-backend-blocksparse-1xn$/);
});
