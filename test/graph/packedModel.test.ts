// Packed models as files: what is stored, what comes back, and what becomes of damaged ones.
import {createHash} from 'node:crypto';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {
  inspectModel,
  installLoadHook,
  isPacked,
  packArtifacts,
  placePackedWeights,
  pruneArtifacts,
  pruneGraphModel,
  registerPackedOp,
  saveBlockSparse,
  setRewriter,
  unpackArtifacts,
  type PackOptions,
  ModelGraph,
} from '../../src/graph';
import {PACKED_OP, seal, SEAL} from '../../src/graph/packed/format';
import {WeightStore} from '../../src/graph/weights';
import {infer, load, randomTensor} from '../support/plannedModels';
import {randomNumbers} from '../support/random';
import {ConvGraphBuilder} from './convGraphs';
import {nodesOf} from './smallGraphs';

function network(seed = 3): tf.io.ModelArtifacts {
  const graph = new ConvGraphBuilder(seed);
  const x = graph.input('x', [-1, 6, 6, 8]);
  const expand = graph.conv('expand', x, {out: 32, fused: ['BiasAdd', 'Relu6']});
  const depthwise = graph.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Relu6']});
  const square = graph.conv('square', depthwise, {out: 18, k: 3, fused: ['BiasAdd']});
  graph.reduce('mean', 'Mean', square, [1, 2], false);
  graph.matMul('y', 'mean', 24, true);
  const options = {n: 4, sparsity: 0.5, classifier: true, rearrange: false} as const;
  return pruneArtifacts(graph.artifacts(['y']), options).artifacts;
}

const input = () => randomTensor(5, [1, 6, 6, 8]);

function outputOf(artifacts: tf.io.ModelArtifacts): string {
  const [model, x] = [load(artifacts), input()];
  const [{bits}] = infer(model, {x});
  x.dispose();
  model.dispose();
  return bits;
}

/** By weight: its type and bits, whatever the encoding. */
function weightsOf(artifacts: tf.io.ModelArtifacts): Record<string, string> {
  const graph = ModelGraph.from(artifacts);
  const valuesOf = (name: string) =>
    graph.weightType(name) === 'int32' ? graph.intWeightValues(name) : graph.weightValues(name);
  const hash = ({buffer}: Float32Array | Int32Array) => createHash('sha1').update(Buffer.from(buffer)).digest('hex');
  return Object.fromEntries(graph.weightNames().map((name) => [name, hash(valuesOf(name))]));
}

/** Weights with an edit. */
function withWeight(artifacts: tf.io.ModelArtifacts, name: string, edit: (values: Float32Array) => void) {
  const graph = ModelGraph.from(artifacts);
  const values = graph.weightValues(name);
  edit(values);
  graph.setWeight(name, values, graph.weightShape(name));
  return graph.toArtifacts();
}

const folders: string[] = [];
function temporaryFolder(): string {
  folders.push(mkdtempSync(join(tmpdir(), 'packed-')));
  return folders.at(-1)!;
}

/** Reads a folder as tfjs's handlers for files do. */
function fileHandler(path: string): tf.io.IOHandler {
  return {
    load: async () =>
      tf.io.getModelArtifactsForJSON(JSON.parse(readFileSync(path, 'utf8')) as tf.io.ModelJSON, async (manifest) => [
        manifest.flatMap(({weights}) => weights),
        Buffer.concat(
          manifest.flatMap(({paths}) => paths).map((file) => readFileSync(join(dirname(path), file))),
        ).buffer.slice(0) as ArrayBuffer,
      ]),
  };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
  installLoadHook();
  registerPackedOp();
});
beforeEach(() =>
  setRewriter('packed', {
    applies: isPacked,
    rewrite: unpackArtifacts,
    loaded: (model) => placePackedWeights(model, () => fail('nothing is packed here')),
  }),
);
afterAll(() => {
  setRewriter('packed', null);
  for (const folder of folders) rmSync(folder, {recursive: true, force: true});
});

const plain = network();

describe('packing', () => {
  test('gives standard artifacts: an op, ordinary weights of one dimension, the same order of nodes', () => {
    const {artifacts, report} = packArtifacts(plain);
    const node = nodesOf(artifacts).find(({name}) => name === 'square/filter')!;
    expect(node).toMatchObject({op: PACKED_OP, input: ['square/filter/kept', 'square/filter/values']});
    expect(PACKED_OP).toContain('tfjs-backend-blocksparse-1xn');
    const specs = artifacts.weightSpecs!.filter(({name}) => name.startsWith('square/filter'));
    const blocks = Math.ceil(18 / 4) * 32;
    const {n, blocks: stored} = report.layers.find(({weight}) => weight === 'square/filter')!;
    expect([n, stored!.all]).toEqual([4, blocks]);
    const quantization = {dtype: 'uint8', scale: 1, min: 0};
    expect(specs).toEqual([
      {name: 'square/filter/kept', shape: [blocks / 8], dtype: 'int32', quantization},
      {name: 'square/filter/values', shape: [stored!.stored * 9 * 4], dtype: 'float32'},
    ]);
    const names = (from: tf.io.ModelArtifacts) => nodesOf(from).map(({name}) => name);
    expect(names(artifacts).slice(0, names(plain).length)).toEqual(names(plain));
    expect(report.bytesBefore).toBe((plain.weightData as ArrayBuffer).byteLength);
    expect(report.bytesAfter).toBe((artifacts.weightData as ArrayBuffer).byteLength);
  });

  test.each<PackOptions>([{}, {n: 1}, {n: 2}, {n: 4}, {n: 8}])('with %j is undone bit for bit', (options) => {
    const {artifacts, report} = packArtifacts(plain, options);
    expect(report.layers.filter(({n}) => n !== null).length).toBeGreaterThan(0);
    const back = unpackArtifacts(artifacts);
    expect(weightsOf(back)).toEqual(weightsOf(plain));
    expect(nodesOf(back).map(({name, op}) => [name, op])).toEqual(nodesOf(plain).map(({name, op}) => [name, op]));
    expect(back.modelTopology).not.toHaveProperty(SEAL);
    expect(isPacked(back)).toBe(false);
  });

  test('keeps the sign of zeros and the bits of NaNs', () => {
    const odd = withWeight(plain, 'square/filter', (values) => {
      const bits = new Uint32Array(values.buffer);
      for (let i = 0; i < bits.length; i++) if (bits[i] === 0 && i % 3) bits[i] = 0x80000000;
      bits[bits.findIndex((word) => word << 1 !== 0)] = 0x7fc12345;
    });
    const {artifacts} = packArtifacts(odd);
    expect(nodesOf(artifacts).find(({name}) => name === 'square/filter')!.input).toContain('square/filter/signs');
    expect(weightsOf(unpackArtifacts(artifacts))).toEqual(weightsOf(odd));
  });

  test('of what is packed already packs it anew', () => {
    const once = packArtifacts(plain, {n: 1}).artifacts;
    expect(packArtifacts(once, {n: 4}).artifacts).toEqual(packArtifacts(unpackArtifacts(once), {n: 4}).artifacts);
    expect(weightsOf(unpackArtifacts(packArtifacts(once).artifacts))).toEqual(weightsOf(plain));
  });

  test('takes the N of the fewest bytes', () => {
    const auto = packArtifacts(plain).report;
    for (const n of [1, 2, 4, 8, 16, 32] as const) {
      packArtifacts(plain, {n}).report.layers.forEach(({bytesAfter}, i) =>
        expect(auto.layers[i].bytesAfter).toBeLessThanOrEqual(bytesAfter),
      );
    }
  });

  test('leaves a model alone whose filters are dense, and says why', () => {
    const graph = new ConvGraphBuilder();
    graph.conv('y', graph.input('x', [-1, 6, 6, 8]), {out: 16});
    const dense = graph.artifacts(['y']);
    const {artifacts, report} = packArtifacts(dense);
    expect(artifacts).toEqual(dense);
    expect(report.layers).toMatchObject([{n: null, leftDense: 'packed it takes 513 bytes, dense 512'}]);
  });

  test('as float16 halves all filters, and says how far they are off', () => {
    const {artifacts, report} = packArtifacts(plain, {float16: true});
    const encodings = Object.fromEntries(
      artifacts.weightSpecs!.map(({name, quantization}) => [name, quantization?.dtype ?? null]),
    );
    expect(encodings).toMatchObject({
      ...{'square/filter/values': 'float16', 'depthwise/filter': 'float16', 'square/bias': null},
    });
    expect(report.float16Error).toBeGreaterThan(2 ** -14);
    expect(report.float16Error).toBeLessThan(2 ** -11);
    const back = unpackArtifacts(artifacts);
    const [before, after] = [plain, back].map((one) => ModelGraph.from(one).weightValues('square/filter'));
    const largest = before.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const error = before.reduce((most, value, i) => Math.max(most, Math.abs(value - after[i])), 0) / largest;
    expect(report.layers.find(({weight}) => weight === 'square/filter')!.float16Error).toBe(error);
    expect(packArtifacts(artifacts, {float16: true}).report).toMatchObject({
      ...{bytesAfter: report.bytesAfter, float16Error: 0},
    });
  });

  test('as float16 leaves filters float32 that have larger values', () => {
    const large = withWeight(plain, 'square/filter', (values) => values.fill(1e5, -1));
    const {artifacts, report} = packArtifacts(large, {float16: true});
    const spec = artifacts.weightSpecs!.find(({name}) => name === 'square/filter/values')!;
    expect(spec).not.toHaveProperty('quantization');
    expect(report.layers.find(({weight}) => weight === 'square/filter')).toMatchObject({
      ...{n: expect.any(Number) as number, float16Error: 0},
    });
  });

  test.each([
    [{n: 3}, /'n' is 3; 'auto' or one of 1, 2, 4/],
    [{float16: 1}, /'float16' is 1; true or false/],
    [{float: true}, /unknown option 'float'/],
  ])('refuses %j', (options, message) => {
    expect(() => packArtifacts(plain, options as PackOptions)).toThrow(message);
  });
});

describe('a packed model', () => {
  const {artifacts: packed} = packArtifacts(plain);
  const expected = () => outputOf(plain);

  test('gives the outputs of the plain one by the load hook, and by its op without the hook', () => {
    expect(outputOf(packed)).toBe(expected());
    setRewriter('packed', null);
    expect(outputOf(packed)).toBe(expected());
    expect(outputOf(packArtifacts(withWeight(plain, 'expand/filter', (w) => w.fill(-0, 7))).artifacts)).toBe(
      outputOf(withWeight(plain, 'expand/filter', (w) => w.fill(-0, 7))),
    );
  });

  test('loads twice from the same artifacts, whose nodes tfjs completes', () => {
    const graph = new ConvGraphBuilder(3);
    graph.conv('conv', graph.input('x', [-1, 6, 6, 8]), {out: 32, k: 3});
    graph.add('y', 'Relu', ['conv']);
    const {artifacts} = pruneArtifacts(graph.artifacts(['y']), {sparsity: 0.5, rearrange: false, layers: ['conv']});
    const bare = {...(artifacts.modelTopology as object), node: nodesOf(artifacts).map((node) => ({...node}))};
    for (const node of bare.node) if (node.name === 'y') Reflect.deleteProperty(node, 'attr');
    const once = packArtifacts({...artifacts, modelTopology: bare}).artifacts;
    expect(isPacked(once)).toBe(true);
    expect(outputOf(once)).toBe(outputOf(once));
  });

  test('comes as a stream, too', async () => {
    const {weightData, ...rest} = packed;
    const getWeightStream = () =>
      new ReadableStream<ArrayBuffer>({
        start(controller) {
          controller.enqueue(weightData as ArrayBuffer);
          controller.close();
        },
      });
    const model = await loadGraphModel({load: async () => ({...rest, getWeightStream})}, {streamWeights: true});
    const x = input();
    expect(infer(model, {x})[0].bits).toBe(expected());
    x.dispose();
    model.dispose();
  });

  test('is pruned and inspected as the plain one', async () => {
    expect(inspectModel(packed)).toEqual(inspectModel(plain));
    const options = {n: 2, sparsity: 0.7} as const;
    const [ours, theirs] = await Promise.all([packed, plain].map((one) => pruneGraphModel(one, options)));
    expect(ours.report).toEqual(theirs.report);
    expect(weightsOf(ours.artifacts)).toEqual(weightsOf(theirs.artifacts));
    expect(weightsOf(pruneArtifacts(packed, options).artifacts)).toEqual(weightsOf(theirs.artifacts));
  });
});

describe('saveBlockSparse', () => {
  test('writes a folder that loads like others, and replaces nothing unless told to', async () => {
    const folder = join(temporaryFolder(), 'out', 'model');
    const {report, modelArtifactsInfo} = await saveBlockSparse(plain, folder);
    expect(modelArtifactsInfo.weightDataBytes).toBe(report.bytesAfter);
    expect(readdirSync(folder).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    const x = input();
    const model = await loadGraphModel(fileHandler(join(folder, 'model.json')));
    expect(infer(model, {x})[0].bits).toBe(outputOf(plain));
    const written = readFileSync(join(folder, 'model.json'), 'utf8');
    await expect(saveBlockSparse(network(4), folder)).rejects.toThrow(/is not empty: set overwrite/);
    expect(readFileSync(join(folder, 'model.json'), 'utf8')).toBe(written);
    await saveBlockSparse(network(4), folder, {overwrite: true});
    const other = await loadGraphModel(fileHandler(join(folder, 'model.json')));
    expect(infer(other, {x})[0].bits).toBe(outputOf(network(4)));
    expect(readdirSync(dirname(folder))).toEqual(['model']);
    tf.dispose(x);
    model.dispose();
    other.dispose();
  });

  test('replaces no folder with files of others', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await expect(saveBlockSparse(plain, folder, {overwrite: true})).rejects.toThrow(/holds 'notes.txt'/);
    expect(readdirSync(folder)).toEqual(['notes.txt']);
  });

  test('leaves nothing half written where it fails on the way', async () => {
    const folder = join(temporaryFolder(), 'model');
    const {writeFileSync: write} = process.getBuiltinModule('fs');
    const fs = process.getBuiltinModule('fs') as {writeFileSync: typeof write};
    fs.writeFileSync = ((file: string, ...rest: [string]) => {
      if (file.endsWith('model.json')) throw new Error('the disk is full');
      write(file, ...rest);
    }) as typeof write;
    try {
      await expect(saveBlockSparse(plain, folder)).rejects.toThrow('the disk is full');
    } finally {
      fs.writeFileSync = write;
    }
    expect(existsSync(folder)).toBe(false);
    expect(readdirSync(dirname(folder))).toEqual([]);
  });

  test('writes large weights in several files', async () => {
    const graph = new ConvGraphBuilder();
    graph.floats('table', [3 * 2 ** 19]);
    graph.conv('y', graph.input('x', [-1, 2, 2, 4]), {out: 4});
    const folder = join(temporaryFolder(), 'model');
    await saveBlockSparse(graph.artifacts(['y']), folder);
    expect(readdirSync(folder)).toEqual(['group1-shard1of2.bin', 'group1-shard2of2.bin', 'model.json']);
    const {weightData} = await fileHandler(join(folder, 'model.json')).load!();
    expect(Buffer.from(weightData as ArrayBuffer)).toEqual(
      Buffer.from(graph.artifacts(['y']).weightData as ArrayBuffer),
    );
  });

  test('saves by handlers', async () => {
    let saved: tf.io.ModelArtifacts | undefined;
    const handler = tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return {modelArtifactsInfo: {dateSaved: new Date(0), modelTopologyType: 'JSON'}};
    });
    const result = await saveBlockSparse(plain, handler, {n: 2});
    expect(result.modelArtifactsInfo.dateSaved).toEqual(new Date(0));
    expect(saved).toEqual(packArtifacts(plain, {n: 2}).artifacts);
    await expect(saveBlockSparse(plain, 'nowhere://model')).rejects.toThrow(/0 save handlers .* 'nowhere:\/\/model'/);
    await expect(saveBlockSparse(plain, {load: handler.load})).rejects.toThrow(/has no save function/);
  });
});

/** Takes the checksums away. */
function unseal({modelTopology}: tf.io.ModelArtifacts): void {
  Reflect.deleteProperty(modelTopology as object, SEAL);
}

/** A file with checksums that are right, whatever it says: what somebody makes who means harm. */
function forged(edit: (artifacts: tf.io.ModelArtifacts) => tf.io.ModelArtifacts): tf.io.ModelArtifacts {
  const edited = edit(structuredClone(packArtifacts(plain).artifacts));
  unseal(edited);
  const store = new WeightStore(edited.weightSpecs, edited.weightData);
  return seal(
    edited,
    store.names().map((name) => store.encoded(name)),
  );
}

const withAttribute = (name: string, value: unknown) =>
  forged((artifacts) => {
    const node = nodesOf(artifacts).find((one) => one.name === 'square/filter')!;
    (node.attr as Record<string, unknown>)[name] = {i: value};
    return artifacts;
  });

describe('a damaged model', () => {
  test.each<[string, () => tf.io.ModelArtifacts, RegExp]>([
    ['no N of the format', () => withAttribute('n', 3), /'square\/filter' cannot be read: packed filter: n is 3/],
    ['another N', () => withAttribute('n', 8), /'square\/filter' cannot be read: .* bytes of kept bits/],
    ['no number', () => withAttribute('kh', null), /'square\/filter' cannot be read: its attribute 'kh' is/],
    ['a filter too large', () => withAttribute('outChannels', 1e9), /'square\/filter' .* fewer than 2\^30 weights/],
    ['another version', () => withAttribute('version', 2), /version is 2, 1 expected: update/],
    ['a rank of 3', () => withAttribute('rank', 3), /rank 3, transposed 0, is not/],
    [
      'inputs exchanged',
      () =>
        forged((artifacts) => {
          const node = nodesOf(artifacts).find((one) => one.name === 'square/filter')!;
          Object.assign(node, {input: [...node.input!].reverse()});
          return artifacts;
        }),
      /'square\/filter' cannot be read: 'square\/filter\/values' is no list of bytes/,
    ],
    [
      'no inputs',
      () =>
        forged((artifacts) => {
          Object.assign(
            nodesOf(artifacts).find((one) => one.name === 'square/filter')!,
            {input: []},
          );
          return artifacts;
        }),
      /'square\/filter' cannot be read: There is no weight/,
    ],
    [
      'no checksums',
      () => {
        const artifacts = structuredClone(packArtifacts(plain).artifacts);
        unseal(artifacts);
        return artifacts;
      },
      /modelTopology.blocksparse1xn with the checksums of the model is missing/,
    ],
  ])('with %s is refused by a word that names the node', (_, make, message) => {
    expect(() => load(make())).toThrow(message);
  });

  test('of 1,000 changes and truncations each gives an error or the right result', () => {
    const folder = JSON.stringify({
      ...packArtifacts(plain).artifacts,
      weightData: undefined,
    });
    const bytes = new Uint8Array(packArtifacts(plain).artifacts.weightData as ArrayBuffer);
    const expected = outputOf(plain);
    const random = randomNumbers(11);
    const below = (limit: number) => Math.floor(random() * limit);
    const errors = new Map<string, number>();
    let right = 0;
    jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    for (let i = 0; i < 1000; i++) {
      const json = Buffer.from(folder);
      let weights = bytes.slice();
      const kind = i % 5;
      if (kind === 0) weights[below(weights.length)] ^= 1 + below(255);
      else if (kind === 1) weights = weights.slice(0, below(weights.length));
      else if (kind === 2) json[below(json.length)] ^= 1 << below(7);
      else if (kind === 3)
        json[below(json.length)] = 0x30 + below(10); // often still a number
      else weights.copyWithin(below(weights.length), below(weights.length));
      let artifacts: tf.io.ModelArtifacts;
      try {
        artifacts = JSON.parse(json.toString('utf8')) as tf.io.ModelArtifacts;
      } catch {
        continue; // tfjs's handlers say so
      }
      let output: string;
      try {
        output = outputOf({...artifacts, weightData: weights.buffer});
      } catch (error) {
        const {message} = error as Error;
        const words =
          /is damaged or was changed|Unknown model format|weight files are incomplete|hold no graph model|cannot be read/;
        if (!words.test(message)) throw new Error(`change ${i}: ${message}`);
        const [what] = words.exec(message)!;
        errors.set(what, (errors.get(what) ?? 0) + 1);
        continue;
      }
      if (output !== expected) throw new Error(`change ${i} gives a wrong result and no error`);
      right++;
    }
    jest.restoreAllMocks();
    expect(errors.get('is damaged or was changed')).toBeGreaterThan(400);
    expect(errors.get('weight files are incomplete')).toBeGreaterThan(100);
    expect(right).toBeLessThan(100);
  });
});
