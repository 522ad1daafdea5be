import {loadGraphModel, type GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure, type BlockSparseBackend} from '../../src';
import type {LayerPath} from '../../src/plan';
import {boolAttr, ConvGraphBuilder} from '../graph/convGraphs';
import {intAttr, intsAttr, stringAttr, stringsAttr} from '../../src/graph/attributes';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {compute, inputsFor, isDynamic, readModel, realGraphModels} from '../support/realModels';

const DENSE: LayerPath = {kind: 'dense'};

/** Filters of `network` that are packed as matrices: two of its layers share theirs, another's lies behind an Identity. */
const MATRICES = 7;
const DEPTHWISE = 2;

/** Every kind of layer that is packed; batch norms and activations to be folded and fused. */
function network(input: readonly number[] = [-1, 12, 10, 8], seed = 1): tf.io.ModelArtifacts {
  const g = new ConvGraphBuilder(seed);
  const spatial = (strides: number[], dilations: number[], padding: string) => ({
    strides: intsAttr(strides),
    dilations: intsAttr(dilations),
    padding: stringAttr(padding),
    data_format: stringAttr('NHWC'),
  });
  const x = g.input('x', input);
  const first = g.add('act', 'Relu6', [g.batchNorm('norm', g.conv('first', x, {out: 12, k: 3}))]);
  const expand = g.conv('expand', first, {out: 20, fused: ['BiasAdd', 'Prelu']});
  const depthwise = g.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Elu'], stride: 2});
  const plain = g.depthwise('plain', depthwise, {k: 5, multiplier: 2});
  const explicit = {
    ...spatial([1, 2, 1, 1], [1, 1, 1, 1], 'EXPLICIT'),
    explicit_paddings: intsAttr([0, 0, 1, 2, 0, 1, 0, 0]),
  };
  const padded = g.add('padded', 'Conv2D', [plain, g.floats('padded/filter', [3, 3, 40, 16])], explicit, 16);
  const dilated = g.add(
    'dilated',
    'Conv2D',
    [padded, g.add('constant', 'Identity', [g.floats('dilated/filter', [2, 2, 16, 9])])],
    spatial([1, 1, 1, 1], [1, 2, 1, 1], 'SAME'),
    9,
  );
  const pooled = g.reduce('mean', 'Mean', dilated, [1, 2], false);
  const fused = g.add(
    'fused',
    '_FusedMatMul',
    [pooled, g.floats('fused/weights', [9, 24]), g.floats('fused/bias', [24])],
    {...falses, fused_ops: stringsAttr(['BiasAdd', 'Relu']), num_args: intAttr(1)},
    24,
  );
  const classes = g.matMul('classes', fused, 7, true);
  const rows = g.add('rows', 'Reshape', [dilated, g.ints('rows/shape', [-1, 4, 9])], {}, 9);
  const batched = g.add('batched', 'BatchMatMulV2', [rows, g.floats('batched/weights', [1, 9, 5])], {
    adj_x: boolAttr(false),
    adj_y: boolAttr(false),
  });
  // Nothing needs it: its weights are not to be packed.
  g.conv('dormant', x, {out: 4});
  g.conv('shared', x, {out: 12, k: 3, filter: 'first/filter'});
  return g.artifacts([classes, batched, 'shared']);
}
const falses = {transpose_a: boolAttr(false), transpose_b: boolAttr(false)};

const loaded: GraphModel[] = [];

async function load(artifacts = network()): Promise<GraphModel> {
  const model = await loadGraphModel({load: () => Promise.resolve({...artifacts})});
  loaded.push(model);
  return model;
}

afterEach(() => {
  for (const model of loaded.splice(0)) model.dispose();
});

const image = (shape = [1, 12, 10, 8]) =>
  tf.tensor(
    Float32Array.from({length: tf.util.sizeFromShape(shape)}, (_, i) => Math.sin(i * i)),
    shape,
  );

/** The bits of a model's outputs. */
function run(model: GraphModel, shape?: number[]): string[] {
  return tf.tidy(() =>
    (model.predict(image(shape)) as tf.Tensor[]).map((output) => {
      const {buffer, byteOffset, byteLength} = output.dataSync();
      return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
    }),
  );
}

/** What weights hold. */
function held() {
  const {packedFilters, packedBytes, droppedBytes} = backendInfo();
  const {numTensors, numBytes} = tf.memory();
  return {packedFilters, packedBytes, droppedBytes, numTensors, numBytes};
}

/** Lets the event loop turn: more often than a small model takes slices, were each as short as can be. */
async function turns(count = 60): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve));
}

/** Time flies: each slice has one step. */
function makeSlicesShort(): void {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
}

const backend = () => tf.backend() as BlockSparseBackend;

describe('the filters of a graph model', () => {
  beforeAll(() => useVariant('simd128'));
  // Programs hold filters that an inference copies on its way, and their packed form.
  beforeEach(() => configure({path: DENSE, regions: false}));
  afterEach(async () => {
    jest.restoreAllMocks();
    await tf.setBackend(OURS);
    expect(held()).toMatchObject({packedFilters: 0, packedBytes: 0, droppedBytes: 0});
    configure({path: 'auto', rewrite: true, regions: true, threads: 'auto'});
  });

  const paths: Array<LayerPath | 'auto'> = ['auto', DENSE, {kind: 'packed', n: 4}, {kind: 'winograd'}];
  describe.each(VARIANTS)('on %s', (variant) => {
    beforeAll(() => useVariant(variant));

    it.each([1, 3].flatMap((threads) => paths.map((path) => ({threads, path}))))(
      'are packed after its load as its first inference would, which gives the same bits: %o',
      async ({threads, path}) => {
        configure({threads, path});
        const start = held();
        const early = await load();
        expect(backendInfo().packedFilters).toBe(0); // the load did not wait for it
        const loaded = held();
        const bits = run(early);
        const afterInference = held();
        if (path !== 'auto') expect(afterInference.packedFilters).toBe(MATRICES);
        await turns();
        expect(held()).toEqual(afterInference);
        early.dispose();
        expect(held()).toEqual(start);

        const late = await load();
        expect(held()).toEqual(loaded);
        await turns();
        expect(held()).toEqual(afterInference);
        expect(run(late)).toEqual(bits);
        expect(run(late)).toEqual(bits);
        expect(held()).toEqual(afterInference);
        late.dispose();
        expect(held()).toEqual(start);
      },
    );
  });

  it('are all packed by then, those of depthwise convolutions too, and nodes are in order', async () => {
    const model = await load();
    await turns();
    const {executor} = model as unknown as {executor: {compile(): void}};
    const orders = jest.spyOn(executor, 'compile');
    const packings = jest.spyOn(backend().dataIdMap, 'drop'); // after each, taps gathered anew included
    run(model);
    expect(orders).not.toHaveBeenCalled();
    expect(packings).not.toHaveBeenCalled();
    model.dispose();

    const other = await load();
    run(other);
    expect(packings).toHaveBeenCalledTimes(MATRICES + DEPTHWISE);
    other.dispose();
  });

  it('are packed in slices: where time is up, one layer at a turn of the event loop', async () => {
    makeSlicesShort();
    const model = await load();
    const packed = [0];
    while (packed.length < 60) {
      await turns(1);
      packed.push(backendInfo().packedFilters);
    }
    expect(packed[60 - 1]).toBe(MATRICES);
    packed.slice(1).forEach((count, i) => expect(count - packed[i]).toBeLessThanOrEqual(1));
    model.dispose();
  });

  it('are packed for a model whose first inference comes between two slices', async () => {
    const whole = await load();
    const bits = run(whole);
    whole.dispose();
    makeSlicesShort();
    const model = await load();
    for (let i = 0; i < 60 && !backendInfo().packedFilters; i++) await turns(1);
    expect(backendInfo().packedFilters).toBeLessThan(MATRICES);
    expect(run(model)).toEqual(bits);
    const after = held();
    await turns();
    expect(held()).toEqual(after);
    model.dispose();
  });

  it('are packed for two models at once', async () => {
    const models = await Promise.all([load(network(undefined, 1)), load(network(undefined, 2))]);
    await turns(120);
    expect(backendInfo().packedFilters).toBe(2 * MATRICES);
    const before = held();
    const bits = models.map((model) => run(model));
    expect(bits[0]).not.toEqual(bits[1]);
    expect(held()).toEqual(before);
    models.forEach((model) => model.dispose());
  });

  it('are not packed where the size of the image is unknown', async () => {
    const model = await load(network([-1, -1, -1, 8]));
    await turns();
    // A MatMul on a mean over all pixels has the same size for every image.
    const ahead = backendInfo().packedFilters;
    expect(ahead).toBe(2);
    run(model, [2, 12, 10, 8]);
    expect(backendInfo().packedFilters).toBe(MATRICES);
    model.dispose();
  });

  it.each([
    ['a batch of three', [3, 12, 10, 8]],
    ['a single image', [1, 12, 10, 8]],
  ])('are packed for the batch that the graph states, %s', async (_, shape) => {
    const resolve = jest.spyOn(backend().weightCache, 'resolve');
    const model = await load(network(shape));
    await turns();
    const asked = () =>
      resolve.mock.calls
        // tfjs makes a fused MatMul's matrices three-dimensional.
        .map(([, shape, {runner}]) => JSON.stringify([{...shape, outShape: null}, runner.threads]))
        .sort();
    const ahead = asked();
    expect(ahead).toHaveLength(MATRICES + 1);
    resolve.mockClear();
    run(model, shape);
    expect(asked()).toEqual(ahead);
    model.dispose();
  });

  it('are left alone where rewriting is switched off, and where stock runs every layer', async () => {
    configure({rewrite: false});
    const plain = await load();
    await turns();
    expect(backendInfo().packedBytes).toBe(0);
    plain.dispose();
    configure({rewrite: true, path: {kind: 'stock'}});
    const model = await load();
    await turns();
    expect(backendInfo().packedBytes).toBe(0);
    model.dispose();
  });

  it('follow options that change before', async () => {
    const model = await load();
    configure({path: {kind: 'packed', n: 8}});
    await turns();
    const before = held();
    run(model);
    expect(held()).toEqual(before);
    configure({path: DENSE});
    run(model);
    expect(backendInfo().packedBytes).toBeGreaterThan(before.packedBytes);
    model.dispose();
  });

  it.each([0, 1, 2, 4, 8])('are freed with a model that is disposed of %d turns after its load', async (count) => {
    makeSlicesShort();
    const start = held();
    const model = await load();
    await turns(count);
    model.dispose();
    expect(held()).toEqual(start);
    await turns();
    expect(held()).toEqual(start);
  });

  it('are left alone once another backend is active, and packed on first use later', async () => {
    const model = await load();
    await tf.setBackend('wasm');
    await turns();
    expect(backendInfo().packedBytes).toBe(0);
    tf.dispose(model.execute(image(), 'padded'));
    await tf.setBackend(OURS);
    await turns();
    expect(backendInfo().packedBytes).toBe(0);
    run(model);
    expect(backendInfo().packedFilters).toBe(MATRICES);
    model.dispose();
  });

  it('are left alone when the backend is removed or started anew', async () => {
    const model = await load();
    await useVariant('simd128');
    configure({path: DENSE});
    await turns();
    expect(backendInfo().packedBytes).toBe(0);
    expect(model).toBe(loaded.pop()); // what it had went with the backend
  });

  it('are left to the first inference where memory is exhausted', async () => {
    const model = await load();
    const allocate = jest.spyOn(backend().heap, 'allocate').mockImplementation(() => {
      throw new Error('heap exhausted');
    });
    await turns();
    expect(allocate).toHaveBeenCalledTimes(1);
    expect(() => run(model)).toThrow('heap exhausted');
    allocate.mockRestore();
    run(model);
    expect(backendInfo().packedFilters).toBe(MATRICES);
    model.dispose();
  });
});

const models = realGraphModels();

/** Takes its batch apart by Unpack, behind which shapes are not known. */
const UNKNOWN_BEHIND_UNPACK = /movenet/;

describe('the filters of every real graph model', () => {
  beforeAll(() => useVariant('relaxed'));

  it.each(models)(
    '%s are packed ahead as its first inference would, but for transposed convolutions and images of any size',
    async (name, path) => {
      const artifacts = readModel(path);
      const model = await load(artifacts);
      const settled = async (): Promise<void> => {
        const before = backendInfo().packedBytes;
        await turns(200);
        if (backendInfo().packedBytes !== before) await settled();
      };
      await settled();
      const ahead = backendInfo();
      const inputs = inputsFor(model);
      tf.dispose([await compute(model, inputs, isDynamic(artifacts)), inputs]);
      const after = backendInfo();
      const known = model.inputs.every(({shape}) => shape!.slice(1).every((size) => size > 0));
      const sized = known && !UNKNOWN_BEHIND_UNPACK.test(name);
      const {node} = artifacts.modelTopology as {node: Array<{op: string}>};
      const transposed = node.filter(({op}) => op === 'Conv2DBackpropInput').length;
      expect(ahead.packedFilters).toBe(sized ? after.packedFilters - transposed : 0);
      if (sized && !transposed) expect(after).toMatchObject({...ahead, scratchBytes: after.scratchBytes});
      model.dispose();
    },
  );
});
