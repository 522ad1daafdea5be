// Random small graphs with all their groups of channels in random orders: outputs, inner nodes by name, inner nodes fed.
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModelSync, type GraphModel} from '@tensorflow/tfjs-converter';
import fc from 'fast-check';
import {cleanUpGraph, inferShapes, ModelGraph} from '../../src/graph';
import {intAttr} from '../../src/graph/attributes';
import {findChannelGroups} from '../../src/graph/coupling';
import {feedRewritten} from '../../src/graph/feeding';
import {rearrangeChannels} from '../../src/graph/rearrange';
import {shuffleGroups} from '../support/groupOrders';
import {randomFloats, randomNumbers} from '../support/random';
import {errorOfRange} from '../support/realModels';
import {ConvGraphBuilder} from './convGraphs';
import {nodesOf, run} from './smallGraphs';

const SIZE = 4;
const BATCH = 2;

interface Image {
  readonly name: string;
  readonly channels: number;
}

/** Builds a graph of images [2, 4, 4, c], step by step. */
class RandomGraph {
  readonly g = new ConvGraphBuilder(5);
  readonly kinds = new Set<string>();
  private readonly images: Image[] = [];
  private readonly used = new Set<string>();
  private count = 0;

  constructor() {
    const x = {name: this.g.input('x', [BATCH, SIZE, SIZE, 3]), channels: 3};
    this.images.push(this.conv(x, 8), this.conv(x, 6));
  }

  step(kind: string, which: number, other: number): void {
    const [a, b] = [this.images[which % this.images.length], this.images[other % this.images.length]];
    const made = this[kind as 'conv'](a, b as Image & number);
    for (const image of [made].flat()) if (image) this.images.push(image);
    if (made) this.kinds.add(kind);
  }

  /** All that nothing has used goes into outputs: one by a flattened matrix product, the others by convolutions. */
  artifacts(): tf.io.ModelArtifacts {
    const ends = this.images.filter(({name}) => !this.used.has(name));
    const outputs = ends.map((image, i) => {
      if (i > 0) return this.conv(image, 2).name;
      const flat = this.reshape(image.name, [-1, SIZE * SIZE * image.channels]);
      return this.g.matMul('dense', this.node('Relu', [this.g.matMul('hidden', flat, 6)], 6), 3);
    });
    return this.g.artifacts(outputs);
  }

  conv(a: Image, b: Image | number): Image {
    const out = typeof b === 'number' ? b : 2 * (1 + (b.channels % 4));
    const fused = out % 4 === 0 ? {fused: ['BiasAdd', 'Prelu']} : {};
    return this.image(this.g.conv(this.name('conv'), this.use(a), {out, inputChannels: a.channels, ...fused}), out);
  }

  depthwise(a: Image): Image | undefined {
    if (a.channels > 12) return undefined;
    const {name, channels} = this.act(a);
    return this.image(
      this.g.depthwise(this.name('depthwise'), name, {multiplier: 2, fused: ['BiasAdd']}),
      2 * channels,
    );
  }

  act(a: Image): Image {
    const relu = this.node('LeakyRelu', [this.use(a)], a.channels);
    return this.image(this.g.batchNorm(this.name('norm'), relu), a.channels);
  }

  softmax(a: Image): Image {
    return this.image(this.node('Softmax', [this.use(a)], a.channels), a.channels);
  }

  sum(a: Image, b: Image): Image {
    const second = a.channels === b.channels ? b : this.conv(b, a.channels);
    return this.image(this.node('AddV2', [this.use(a), this.use(second)], a.channels), a.channels);
  }

  concat(a: Image, b: Image): Image | undefined {
    const channels = a.channels + b.channels;
    if (channels > 24) return undefined;
    const axis = this.g.ints(this.name('axis'), [-1], []);
    return this.image(this.node('ConcatV2', [this.use(a), this.use(b), axis], channels), channels);
  }

  split(a: Image): Image[] | undefined {
    if (a.channels % 2 !== 0) return undefined;
    const split = this.node('Split', [this.g.ints(this.name('axis'), [3], []), this.use(a)], 0, {
      num_split: intAttr(2),
    });
    // An identity of its own for each: the builder knows nothing of second outputs.
    const halves = [split, `${split}:1`].map((half) => this.node('Identity', [half], a.channels / 2));
    return halves.map((half) => this.image(half, a.channels / 2));
  }

  slice(a: Image, b: Image): Image | undefined {
    const begin = b.channels % 3;
    const size = a.channels - begin - 1;
    if (size < 2) return undefined;
    const places = [
      [0, 0, 0, begin],
      [-1, -1, -1, size],
    ].map((values) => this.g.ints(this.name('place'), values));
    return this.image(this.node('Slice', [this.use(a), ...places], size), size);
  }

  excite(a: Image): Image {
    const mean = this.g.reduce(this.name('mean'), 'Mean', this.use(a), [1, 2], false);
    const hidden = this.node('Relu', [this.g.matMul(this.name('squeeze'), mean, 4)], 4);
    const gate = this.node('Sigmoid', [this.g.matMul(this.name('excite'), hidden, a.channels, true)], a.channels);
    const wide = this.reshape(gate, [-1, 1, 1, a.channels]);
    return this.image(this.node('Mul', [wide, a.name], a.channels), a.channels);
  }

  shuffle(a: Image): Image | undefined {
    if (a.channels % 2 !== 0) return undefined;
    const parts = this.reshape(this.use(a), [-1, SIZE, SIZE, 2, a.channels / 2]);
    const order = this.g.ints(this.name('order'), [0, 1, 2, 4, 3]);
    const swapped = this.node('Transpose', [parts, order], 0);
    return this.image(this.reshape(swapped, [-1, SIZE, SIZE, a.channels]), a.channels);
  }

  shared(a: Image, b: Image): Image[] {
    const second = a.channels === b.channels ? b : this.conv(b, a.channels);
    const filter = this.g.floats(this.name('shared'), [1, 1, a.channels, 4]);
    const read = this.node('Identity', [filter], 0);
    return [filter, read].map((from, i) => {
      const input = this.use(i ? second : a);
      return this.image(this.g.conv(this.name('conv'), input, {filter: from, out: 4}), 4);
    });
  }

  pad(a: Image): Image {
    const pads = this.g.ints(this.name('pads'), [0, 0, 0, 0, 0, 0, 1, 2], [4, 2]);
    return this.image(this.node('Pad', [this.use(a), pads], a.channels + 3), a.channels + 3);
  }

  scale(a: Image): Image {
    const scale = this.g.floats(this.name('scale'), [SIZE, 1, a.channels]);
    return this.image(this.node('Mul', [scale, this.use(a)], a.channels), a.channels);
  }

  private use({name}: Image): string {
    this.used.add(name);
    return name;
  }

  private image(name: string, channels: number): Image {
    return {name, channels};
  }

  private reshape(x: string, shape: readonly number[]): string {
    return this.node('Reshape', [x, this.g.ints(this.name('shape'), shape)], shape.at(-1)!);
  }

  private node(op: string, inputs: readonly string[], channels: number, attr = {}): string {
    return this.g.add(this.name(op), op, inputs, attr, channels);
  }

  private name(base: string): string {
    return `${base}_${this.count++}`;
  }
}

const KINDS = [
  ...['conv', 'depthwise', 'act', 'softmax', 'sum', 'concat', 'split', 'slice', 'excite', 'shuffle', 'shared', 'pad'],
  'scale',
];

function feed(artifacts: tf.io.ModelArtifacts, inputs: tf.NamedTensorMap, outputs: string[]): Float32Array[] {
  const model = loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);
  feedRewritten(model as unknown as GraphModel);
  const values = [model.execute(inputs, outputs)].flat().map((tensor) => Float32Array.from(tensor.dataSync()));
  model.dispose();
  return values;
}

beforeAll(() => tf.setBackend('cpu'));

test('random graphs give the same with all their channels rearranged: outputs, inner nodes fetched, inner nodes fed', () => {
  const kinds = new Map<string, number>();
  const seen = {groups: 0, coupled: 0, tied: 0, parts: 0, fed: 0};
  const step = fc.tuple(fc.constantFrom(...KINDS), fc.nat(99), fc.nat(99));
  fc.assert(
    fc.property(fc.array(step, {minLength: 3, maxLength: 9}), fc.nat(), (steps, seed) => {
      const random = new RandomGraph();
      for (const [kind, which, other] of steps) random.step(kind, which, other);
      const original = random.artifacts();
      const graph = ModelGraph.from(original);
      const found = findChannelGroups(graph, inferShapes(graph));
      const renamed = rearrangeChannels(graph, found, shuffleGroups(found, randomNumbers(seed)));
      const changed = graph.toArtifacts();
      for (const {producers} of found.groups) {
        for (const {name} of producers) expect(renamed.has(name)).toBe(true);
        seen.groups++;
        const names = new Set(producers.map(({name}) => name));
        if (names.size > 1) seen.coupled++;
        if (names.size < producers.length) seen.tied++;
        if (producers.some(({from}) => from > 0)) seen.parts++;
      }
      for (const kind of random.kinds) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);

      const x = tf.tensor4d(randomFloats(BATCH * SIZE * SIZE * 3, randomNumbers(9)), [BATCH, SIZE, SIZE, 3]);
      const names = nodesOf(original).flatMap(({name, op}) => {
        if (op === 'Placeholder') return [];
        return op === 'Split' ? [name, `${name}:1`] : [name];
      });
      const expected = run(original, {x}, names);
      // By itself and cleaned up, as it is when it is loaded.
      for (const artifacts of [changed, cleanUpGraph(changed).artifacts]) {
        run(artifacts, {x}, names).forEach((values, i) => {
          expect([names[i], errorOfRange(values, expected[i]) < 1e-5]).toEqual([names[i], true]);
        });
      }

      // Whatever is fed in the place of a node that has moved arrives in the right order.
      const outputs = graph.outputNames();
      const movable = [...renamed.keys()].filter((name) => !name.startsWith('Split'));
      for (const name of movable.slice(0, 3)) {
        const {size, shape} = fetch(original, {x}, name);
        const fed = {x, [name]: tf.tensor(randomFloats(size, randomNumbers(3)), shape)};
        const [plain, moved] = [original, changed].map((artifacts) => feed(artifacts, fed, outputs));
        moved.forEach((values, i) => expect(errorOfRange(values, plain[i])).toBeLessThan(1e-5));
        seen.fed++;
      }
    }),
    {numRuns: 40, seed: 1},
  );
  for (const kind of KINDS) expect([kind, (kinds.get(kind) ?? 0) > 3]).toEqual([kind, true]);
  expect(seen.groups).toBeGreaterThan(100);
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5);
}, 300_000);

test('one output of a split that has moved can be fed, also where that output alone kept its order', () => {
  for (const moved of [0, 1]) {
    const g = new ConvGraphBuilder(3);
    const conv = g.conv('conv', g.input('x', [BATCH, SIZE, SIZE, 3]), {out: 8});
    g.add('split', 'Split', [g.ints('axis', [3], []), conv], {num_split: intAttr(2)}, 4);
    const original = g.artifacts([
      g.conv('last', 'split:1', {out: 3, inputChannels: 4}),
      g.add('used', 'Shape', ['split']),
    ]);
    const graph = ModelGraph.from(original);
    const found = findChannelGroups(graph, inferShapes(graph));
    expect(found.groups.map(({channels}) => channels)).toEqual([4, 4]);
    const order = Int32Array.of(2, 0, 3, 1);
    const renamed = rearrangeChannels(graph, found, [{group: found.groups[moved], order}]);
    expect(renamed.has('split')).toBe(true);
    const shape = [BATCH, SIZE, SIZE, 4];
    const fed = {'split:1': tf.tensor(randomFloats(BATCH * SIZE * SIZE * 4, randomNumbers(1)), shape)};
    const [plain, values] = [original, graph.toArtifacts()].map((artifacts) => feed(artifacts, fed, ['last'])[0]);
    expect(errorOfRange(values, plain)).toBeLessThan(1e-5);
  }
});

test('an order of another length than the group is refused', () => {
  const g = new ConvGraphBuilder(3);
  const original = g.artifacts([g.conv('last', g.conv('conv', g.input('x', [BATCH, SIZE, SIZE, 3])))]);
  const graph = ModelGraph.from(original);
  const found = findChannelGroups(graph, inferShapes(graph));
  const rearrange = () => rearrangeChannels(graph, found, [{group: found.groups[0], order: Int32Array.of(1, 0)}]);
  expect(rearrange).toThrow(/An order of 2 for the 8 channels of 'conv'/);
});

function fetch(artifacts: tf.io.ModelArtifacts, inputs: tf.NamedTensorMap, name: string): tf.Tensor {
  const model = loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);
  const value = model.execute(inputs, name) as tf.Tensor;
  model.dispose();
  return value;
}
