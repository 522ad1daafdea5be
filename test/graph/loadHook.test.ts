import '@tensorflow/tfjs-backend-cpu';
import {GraphModel, loadGraphModel, loadGraphModelSync} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {cleanUpGraph, installLoadHook, ModelGraph, readWeightStream, setRewriter, type Rewriter} from '../../src/graph';
import {artifactsOf, CONV, node, placeholder, randomWeight, weight} from './smallGraphs';

type Artifacts = tf.io.ModelArtifacts;
type SyncSource = Parameters<typeof loadGraphModelSync>[0];
type AnyModel = GraphModel<string | tf.io.IOHandler> | GraphModel<tf.io.IOHandlerSync>;

/** y = x + b + c with b = [1, 2], c = [10, 20]. */
const sum = artifactsOf(
  [placeholder('x', [-1, 2]), node('s', 'AddV2', ['x', 'b']), node('y', 'AddV2', ['s', 'c'])],
  {b: weight([1, 2]), c: weight([10, 20])},
  {inputs: {x: {name: 'x:0'}}, outputs: {y: {name: 'y:0'}}},
);
const PLAIN = [11, 22];

/** Multiplies b by a factor. */
function scaleB(artifacts: Artifacts, factor: number): Artifacts {
  const graph = ModelGraph.from(artifacts);
  graph.setWeight(
    'b',
    graph.weightValues('b').map((value) => factor * value),
    [2],
  );
  return graph.toArtifacts();
}

function rewriter(rewrite: Rewriter['rewrite'], applies: Rewriter['applies'] = () => true): jest.Mocked<Rewriter> {
  return {applies: jest.fn(applies), rewrite: jest.fn(rewrite)};
}
const timesHundred = (): jest.Mocked<Rewriter> => rewriter((artifacts) => scaleB(artifacts, 100));
const later = (): jest.Mocked<Rewriter> =>
  rewriter(async (artifacts) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return scaleB(artifacts, 100);
  });
const REWRITTEN = [110, 220];

/** The model's output for zeros; disposes of the model. */
function output(model: AnyModel): number[] {
  const values = tf.tidy(() => [...(model.predict(tf.zeros([1, 2])) as tf.Tensor).dataSync()]);
  model.dispose();
  return values;
}

/** Serves model.json and two shards, as a web server would. */
const modelJson: tf.io.ModelJSON = {
  modelTopology: sum.modelTopology ?? {},
  format: 'graph-model',
  signature: sum.signature,
  weightsManifest: [{paths: ['shard1.bin', 'shard2.bin'], weights: sum.weightSpecs ?? []}],
};
const bytes = new Uint8Array(sum.weightData as ArrayBuffer);
const fetchFunc = ((url: string) => {
  const file = url.split('/').pop();
  if (file === 'model.json') return Promise.resolve(Response.json(modelJson));
  const content = file === 'shard1.bin' ? bytes.slice(0, 9) : bytes.slice(9);
  return Promise.resolve(new Response(content, {headers: {'Content-Type': 'application/octet-stream'}}));
}) as typeof fetch;

function streamed(chunk = 5): Artifacts {
  return {
    ...sum,
    weightData: undefined,
    getWeightStream: () =>
      new ReadableStream<ArrayBuffer>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += chunk) controller.enqueue(bytes.slice(at, at + chunk).buffer);
          controller.close();
        },
      }),
  };
}

const URL = 'https://models.test/some/model.json';
const ASYNC_WAYS: Array<[string, () => Promise<AnyModel>]> = [
  ['a URL', () => loadGraphModel(URL, {fetchFunc})],
  ['a URL with streamed weights', () => loadGraphModel(URL, {fetchFunc, streamWeights: true})],
  ['a handler for HTTP', () => loadGraphModel(tf.io.http(URL, {fetchFunc}))],
  ['memory', () => loadGraphModel(tf.io.fromMemory(sum))],
  ['a handler', () => loadGraphModel({load: () => Promise.resolve(sum)})],
  ['a handler that streams', () => loadGraphModel({load: () => Promise.resolve(streamed())})],
  [
    'weights in several buffers',
    () =>
      loadGraphModel({
        load: () => Promise.resolve({...sum, weightData: [bytes.slice(0, 9).buffer, bytes.slice(9).buffer]}),
      }),
  ],
  [
    'new GraphModel',
    async () => {
      const model = new GraphModel(tf.io.fromMemory(sum));
      await model.load();
      return model;
    },
  ],
];
const SYNC_WAYS: Array<[string, () => AnyModel]> = [
  ['artifacts', () => loadGraphModelSync(sum as SyncSource)],
  ['a synchronous handler', () => loadGraphModelSync(tf.io.fromMemorySync(sum))],
  ['model.json and weights', () => loadGraphModelSync([modelJson, bytes.slice().buffer])],
  [
    'new GraphModel',
    () => {
      const model = new GraphModel(tf.io.fromMemorySync(sum));
      model.load();
      return model;
    },
  ],
  [
    'loadSync itself',
    () => {
      const model = new GraphModel(tf.io.fromMemorySync(sum));
      model.loadSync(sum);
      return model;
    },
  ],
];

beforeAll(async () => {
  await tf.setBackend('cpu');
  installLoadHook();
});
afterEach(() => {
  setRewriter('prune', null);
  setRewriter('cleanup', null);
});

describe('the load hook', () => {
  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each(ASYNC_WAYS)('rewrites a model loaded from %s, once, at once or later', async (_, load) => {
    expect(output(await load())).toEqual(PLAIN);
    for (const used of [timesHundred(), later()]) {
      setRewriter('prune', used);
      const model = await load();
      expect(used.rewrite).toHaveBeenCalledTimes(1);
      expect(output(model)).toEqual(REWRITTEN);
    }
    setRewriter('prune', null);
    expect(output(await load())).toEqual(PLAIN);
  });

  it.each(SYNC_WAYS)('rewrites a model loaded from %s without waiting', (_, load) => {
    expect(output(load())).toEqual(PLAIN);
    const used = timesHundred();
    setRewriter('prune', used);
    const model = load();
    expect(used.rewrite).toHaveBeenCalledTimes(1);
    expect(output(model)).toEqual(REWRITTEN);
  });

  it.each(SYNC_WAYS)('refuses to wait where a model is loaded from %s', (_, load) => {
    setRewriter('prune', later());
    expect(load).toThrow(/loadGraphModelSync cannot wait.*use loadGraphModel/);
    // Nobody may wait for this failure, and it must not end the process.
    setRewriter(
      'prune',
      rewriter(() => Promise.reject(new Error('too late'))),
    );
    expect(load).toThrow(/loadGraphModelSync cannot wait/);
  });

  it('prunes first and cleans up then, on the result', async () => {
    const order: string[] = [];
    const log = (name: string, factor: number): Rewriter =>
      rewriter(async (artifacts) => {
        order.push(`${name} sees ${ModelGraph.from(artifacts).weightValues('b')[0]}`);
        return scaleB(artifacts, factor);
      });
    setRewriter('cleanup', log('cleanup', 3));
    setRewriter('prune', log('prune', 7));
    expect(output(await loadGraphModel(tf.io.fromMemory(sum)))).toEqual([31, 62]);
    expect(order).toEqual(['prune sees 1', 'cleanup sees 7']);
  });

  it('hands on the rewritten artifacts to model.save, and leaves those given alone', async () => {
    setRewriter('prune', later());
    const model = await loadGraphModel({load: () => Promise.resolve(streamed())});
    let saved: Artifacts = {};
    await model.save(
      tf.io.withSaveHandler((artifacts) => {
        saved = artifacts;
        return Promise.resolve({modelArtifactsInfo: {dateSaved: new Date(), modelTopologyType: 'JSON'}});
      }),
    );
    expect(output(model)).toEqual(REWRITTEN);
    setRewriter('prune', null);
    expect(output(loadGraphModelSync(saved as SyncSource))).toEqual(REWRITTEN);
    expect(output(loadGraphModelSync(sum as SyncSource))).toEqual(PLAIN);
  });

  it.each(ASYNC_WAYS)('fails a load from %s with the error of the rewriter', async (_, load) => {
    setRewriter('prune', timesHundred());
    setRewriter(
      'cleanup',
      rewriter(() => {
        throw new Error('at once');
      }),
    );
    await expect(load()).rejects.toThrow('at once');
    setRewriter(
      'cleanup',
      rewriter(() => Promise.reject(new Error('later'))),
    );
    await expect(load()).rejects.toThrow('later');
    setRewriter(
      'cleanup',
      rewriter(timesHundred().rewrite, () => {
        throw new Error('unsure');
      }),
    );
    await expect(load()).rejects.toThrow('unsure');
  });

  it('fails a synchronous load with the error of the rewriter', () => {
    setRewriter(
      'prune',
      rewriter(() => {
        throw new Error('at once');
      }),
    );
    expect(() => loadGraphModelSync(sum as SyncSource)).toThrow('at once');
  });

  it('leaves a model to tfjs where no rewriter applies', async () => {
    const unwilling = rewriter(
      () => {
        throw new Error('must not run');
      },
      () => false,
    );
    setRewriter('prune', unwilling);
    const given = streamed();
    const model = await loadGraphModel({load: () => Promise.resolve(given)});
    expect((model as unknown as {artifacts: Artifacts}).artifacts).toBe(given);
    expect(output(model)).toEqual(PLAIN);
    expect(unwilling.applies).toHaveBeenCalledWith(given, undefined);
  });

  it.each<[string, string | undefined, () => Promise<AnyModel>]>([
    ['the URL itself', URL, () => loadGraphModel(URL, {fetchFunc})],
    ["the path of tfjs's HTTP handler", URL, () => loadGraphModel(tf.io.http(URL, {fetchFunc}))],
    [
      'the first path of several',
      'a.json',
      () => loadGraphModel({load: () => Promise.resolve(sum), path: ['a.json', 'a.bin']} as tf.io.IOHandler),
    ],
    [
      'the url of a handler',
      'u.json',
      () => loadGraphModel({load: () => Promise.resolve(sum), url: 'u.json'} as tf.io.IOHandler),
    ],
    ['nothing', undefined, () => loadGraphModel(tf.io.fromMemory(sum))],
    [
      'a TF Hub address',
      'https://tfhub.test/m/1/model.json?tfjs-format=file',
      () =>
        loadGraphModel('https://tfhub.test/m/1', {
          fromTFHub: true,
          fetchFunc: ((url: string) => fetchFunc(url.split('?')[0])) as typeof fetch,
        }),
    ],
  ])('tells rewriters %s as the place a model comes from', async (_, url, load) => {
    const used = timesHundred();
    setRewriter('prune', used);
    expect(output(await load())).toEqual(REWRITTEN);
    expect(used.applies.mock.calls[0][1]).toBe(url);
    expect(used.rewrite.mock.calls[0][1]).toBe(url);
  });

  it('is installed once, also by a second copy of this package, which shares its rewriters', () => {
    const prototype: object = GraphModel.prototype;
    const methods = Object.getOwnPropertyDescriptors(prototype);
    const converter = jest.requireActual<object>('@tensorflow/tfjs-converter');
    jest.isolateModules(() => {
      jest.doMock('@tensorflow/tfjs-converter', () => converter);
      const copy = jest.requireActual<typeof import('../../src/graph/loadHook')>('../../src/graph/loadHook');
      expect(copy.installLoadHook).not.toBe(installLoadHook);
      copy.installLoadHook();
      copy.setRewriter('prune', timesHundred());
      jest.dontMock('@tensorflow/tfjs-converter');
    });
    installLoadHook();
    expect(Object.getOwnPropertyDescriptors(prototype)).toEqual(methods);
    expect(output(loadGraphModelSync(sum as SyncSource))).toEqual(REWRITTEN);
  });
});

describe('readWeightStream', () => {
  it('gathers chunks of any size, as buffers or as bytes', async () => {
    for (const chunk of [1, 5, 16, 100]) {
      const read = await readWeightStream(streamed(chunk));
      expect(new Uint8Array(read.weightData as ArrayBuffer)).toEqual(bytes);
      expect(read.getWeightStream).toBeUndefined();
    }
    const asBytes = new Response(bytes).body as unknown as ReadableStream<ArrayBuffer>;
    const read = await readWeightStream({...streamed(), getWeightStream: () => asBytes});
    expect(new Uint8Array(read.weightData as ArrayBuffer)).toEqual(bytes);
  });

  it('gives back artifacts without a stream as they are', async () => {
    expect(await readWeightStream(sum)).toBe(sum);
  });
});

describe('a cleaned-up model whose inner nodes are fed', () => {
  const layers = artifactsOf(
    [
      placeholder('x', [-1, 4, 4, 3]),
      node('conv', 'Conv2D', ['x', 'w'], CONV),
      node('mul', 'Mul', ['conv', 's']),
      node('bias', 'BiasAdd', ['mul', 'b']),
      node('relu', 'Relu', ['bias']),
      node('max', 'Maximum', ['relu', 'zero']),
      node('min', 'Minimum', ['max', 'six']),
      node('y', 'Neg', ['min']),
    ],
    {
      w: randomWeight([3, 3, 3, 4], 1),
      s: weight([2, 3, -4, 0.5]),
      b: randomWeight([4], 2),
      zero: weight([0], []),
      six: weight([6], []),
    },
    {inputs: {image: {name: 'x:0'}}, outputs: {result: {name: 'y:0'}}},
  );

  it.each(['conv', 'mul', 'bias', 'relu', 'max', 'min'])(
    'computes from %s what the original computes',
    async (inner) => {
      const original = loadGraphModelSync(layers as SyncSource);
      setRewriter(
        'cleanup',
        rewriter((artifacts) => cleanUpGraph(artifacts).artifacts),
      );
      const cleaned = loadGraphModelSync(layers as SyncSource);
      const fed = tf.tensor(
        randomWeight([1, 4, 4, 4], 3).values.map((v) => 12 * v),
        [1, 4, 4, 4],
      ); // beyond the clamp, too
      const image = tf.tensor(randomWeight([1, 4, 4, 3], 4).values, [1, 4, 4, 3]);
      const tensors = tf.memory().numTensors;
      // With the model's own input beside it, and without.
      for (const inputs of [{[inner]: fed}, {[inner]: fed, image}, {[inner]: fed, x: image}]) {
        const expected = original.execute(inputs, 'y') as tf.Tensor;
        const actual = cleaned.execute(inputs, 'y') as tf.Tensor;
        const waited = (await cleaned.executeAsync(inputs, 'y')) as tf.Tensor;
        expect([...actual.dataSync()]).toEqual([...expected.dataSync()]);
        expect([...waited.dataSync()]).toEqual([...expected.dataSync()]);
        tf.dispose([expected, actual, waited]);
      }
      expect(tf.memory().numTensors).toBe(tensors);
      const usual = (cleaned.predict(image) as tf.Tensor).dataSync();
      const wanted = (original.predict({image}) as tf.Tensor).dataSync();
      usual.forEach((value, i) => expect(value).toBeCloseTo(wanted[i], 4));
      cleaned.dispose();
      original.dispose();
    },
  );
});
