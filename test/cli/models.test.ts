// What the command line takes as a model: paths, folders, npm packages, URLs; and what it says of those that are none.
import {once} from 'node:events';
import {copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {writeSmallLayersModel} from '../bench/smallModel';
import {
  callCli,
  callForJson,
  expectOneLine,
  smallClassifier,
  startCli,
  withModel,
  writeModel,
} from '../support/commandLine';

let folder: string;
let model: string;

withModel(smallClassifier, (made) => ({folder, model} = made));

const LAYERS = ['stem', 'expand', 'project', 'logits'];
const layersOf = (name: string, cwd = folder) =>
  callForJson<{layers: {name: string}[]}>(['inspect', name], {cwd}).layers.map((layer) => layer.name);

describe('a model is found', () => {
  test('by the path of its JSON, and by that of its folder', () => {
    expect(layersOf('model/model.json')).toEqual(LAYERS);
    expect(layersOf('model')).toEqual(LAYERS);
  });

  test('in an npm package whose exports hide it, from a folder below the one that has it', () => {
    const installed = path.join(folder, 'node_modules/@some/models');
    writeModel(path.join(installed, 'small'), smallClassifier());
    writeFileSync(path.join(installed, 'package.json'), JSON.stringify({name: '@some/models', exports: {}}));
    const below = path.join(folder, 'app/src');
    mkdirSync(below, {recursive: true});
    expect(layersOf('@some/models/small/model.json', below)).toEqual(LAYERS);
    expect(layersOf('@some/models/small', below)).toEqual(LAYERS);
  });
});

describe('a model at a URL', () => {
  let server: Server;
  let base: string;
  let asked: string[];

  beforeAll(async () => {
    server = createServer(({url = ''}, response) => {
      asked.push(url);
      const file = path.join(folder, new URL(url, 'http://host').pathname);
      try {
        response.end(readFileSync(file));
      } catch {
        response.writeHead(404).end();
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => (asked = []));
  afterAll(() => server.close());

  /** Not to be waited for synchronously: the server is in this process. */
  async function call(args: string[]) {
    const child = startCli(args);
    const output = {stdout: '', stderr: ''};
    for (const name of ['stdout', 'stderr'] as const) child[name]!.on('data', (data) => (output[name] += String(data)));
    const [status] = (await once(child, 'close')) as [number];
    return {status, ...output};
  }

  test('is fetched with its weights, a query included', async () => {
    const {status, stdout} = await call(['inspect', `${base}/model/model.json?key=1`, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout).layers.map(({name}: {name: string}) => name)).toEqual(LAYERS);
    expect(asked).toEqual(['/model/model.json?key=1', '/model/weights.bin?key=1']);
  });

  test('is the model.json of a folder', async () => {
    expect((await call(['inspect', `${base}/model/`])).status).toBe(0);
    expect(asked[0]).toBe('/model/model.json');
  });

  test('that is not there is an error with the status', async () => {
    const {status, stdout, stderr} = await call(['inspect', `${base}/none/model.json`]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe(`blocksparse-1xn: ${base}/none/model.json cannot be fetched: HTTP 404 Not Found\n`);
  });

  test('whose host does not answer is an error with the cause', async () => {
    const {status, stderr} = await call(['inspect', 'http://127.0.0.1:1/model.json']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^blocksparse-1xn: http:\/\/127\.0\.0\.1:1\/model\.json cannot be fetched: .+\n$/);
  });
});

describe('what is no whole graph model is told in one line:', () => {
  /** A copy of the model with another JSON. */
  function changed(name: string, change: (json: Record<string, unknown>) => unknown): string {
    const target = path.join(folder, name);
    mkdirSync(target, {recursive: true});
    copyFileSync(path.join(path.dirname(model), 'weights.bin'), path.join(target, 'weights.bin'));
    const json = change(JSON.parse(readFileSync(model, 'utf8')) as Record<string, unknown>);
    writeFileSync(path.join(target, 'model.json'), typeof json === 'string' ? json : JSON.stringify(json));
    return target;
  }
  const damaged = (json: Record<string, unknown>, weightsManifest: unknown) => ({...json, weightsManifest});

  test.each<[string, () => string, RegExp]>([
    ['a path of nothing', () => 'no/such/model.json', /there is no model no\/such\/model\.json: give the path/],
    ['a file that is not JSON', () => changed('text', () => 'model?'), /model\.json is not JSON/],
    ['JSON cut short', () => changed('short', (json) => JSON.stringify(json).slice(0, 500)), /model\.json is not JSON/],
    ['JSON of something else', () => changed('else', () => ({})), /not a model of TensorFlow\.js/],
    ['JSON of null', () => changed('null', () => null), /not a model of TensorFlow\.js/],
    ['a manifest of nothing', () => changed('nothing', (json) => damaged(json, [null])), /a whole weightsManifest/],
    [
      'a weight without a shape',
      () =>
        changed('shape', (json) => damaged(json, [{paths: ['weights.bin'], weights: [{name: 'a', dtype: 'int32'}]}])),
      /a whole weightsManifest/,
    ],
    [
      'a missing weight file',
      () => changed('lonely', (json) => damaged(json, [{paths: ['a.bin'], weights: []}])),
      /lacks its weight file a\.bin: put it beside the JSON/,
    ],
    [
      'a graph whose nodes lack an input',
      () => changed('nodes', (json) => ({...json, modelTopology: {node: [{name: 'a', op: 'Relu', input: ['b']}]}})),
      /'?a'?.*'?b'?/,
    ],
    [
      'a layers model',
      () => writeSmallLayersModel(path.join(folder, 'layers')),
      /is a layers model; .*pruneLayersModel.*tensorflowjs_converter/,
    ],
  ])('%s', (_, make, message) => {
    expectOneLine(callCli(['inspect', make()], {cwd: folder}), 1, message);
  });

  test('a weight file that is cut short', () => {
    const target = changed('cut', (json) => json);
    truncateSync(path.join(target, 'weights.bin'), 1000);
    expectOneLine(callCli(['inspect', target]), 1, /is damaged: weights\.bin has 1000 bytes, the weights .* take \d+/);
  });
});
