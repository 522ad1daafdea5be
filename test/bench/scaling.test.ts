import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {ModelGraph} from '../../src/graph/modelGraph';
import {inferShapes} from '../../src/graph/shapes';
import {cutDepthwise, cutLayer, depthwisePieces} from '../../src/plan';
import {modelName, readModel, sharedGraphModels} from '../support/realModels';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {testWhere} from '../support/optional';

interface Layer {
  name: string;
  kind: 'conv' | 'depthwise';
  kernel: number;
  stride?: number;
  inChannels: number;
  outChannels: number;
  outSize: number;
}

interface Planned {
  name: string;
  alone: number;
  call: number;
  fork: number;
  pieces: number[];
}

type Parts = Omit<Planned, 'name'>;

const play = (pieces: number[], speeds: number[]) =>
  callBenchmarkModule<number>('scaling.mjs', 'playSchedule', pieces, speeds);
const efficiency = (layers: Parts[], speeds: number[]) =>
  callBenchmarkModule<{bound: number; withDispatch: number}>('scaling.mjs', 'efficiency', layers, speeds);
const architecture = (name: string) => callBenchmarkModule<Layer[]>('architectures.mjs', name);

const equal = (threads: number) => new Array<number>(threads).fill(1);
const FAST_AND_SLOW = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5];
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

/** A layer of equal pieces that costs nothing to begin or to share out. */
const even = (count: number): Parts => ({alone: count, call: 0, fork: 0, pieces: equal(count)});

describe('the simulated schedule', () => {
  test.each<[string, number[], number[], number]>([
    ['gives each of 8 threads one of 8 pieces', equal(8), equal(8), 1],
    ['lets one of 8 threads take the ninth piece', equal(9), equal(8), 2],
    ['leaves a single piece to the calling thread', [5], [2, 1], 2.5],
    ['hands the next piece to whoever is free first', [3, 1, 1, 1], equal(2), 3],
    ['takes pieces in order, a long last one too', [1, 1, 1, 3], equal(2), 4],
    ['gives a fast thread more pieces than a slow one', equal(3), [1, 0.5], 2],
    ['has a slow thread hold up the rest with what it took', equal(8), FAST_AND_SLOW, 2],
    ['fills 4 fast and 4 slow threads with 12 pieces', equal(12), FAST_AND_SLOW, 2],
  ])('%s', (_, pieces, speeds, end) => {
    expect(play(pieces, speeds)).toBeCloseTo(end, 12);
  });
});

describe('the efficiency bound', () => {
  test('is whole where pieces fill all threads, 9 of 16 where the ninth of 9 pieces runs alone', () => {
    expect(efficiency([even(8)], equal(8)).bound).toBe(1);
    expect(efficiency([even(9)], equal(8)).bound).toBeCloseTo(9 / 16, 12);
  });

  test('is whole for one thread', () => {
    expect(efficiency([even(7), even(3)], equal(1))).toEqual({bound: 1, withDispatch: 1});
  });

  test('counts threads at their speeds', () => {
    expect(efficiency([even(12)], FAST_AND_SLOW).bound).toBeCloseTo(1, 12);
    expect(efficiency([even(8)], FAST_AND_SLOW).bound).toBeCloseTo(8 / 12, 12);
  });

  test('weighs layers by their time', () => {
    // 16 of work in 2 on 8 threads, and 1 of work in 1 on one of them.
    expect(efficiency([even(16), even(1)], equal(8)).bound).toBeCloseTo(17 / 24, 12);
  });

  test('counts what cutting adds to the pieces as lost', () => {
    expect(efficiency([{...even(2), pieces: [1.25, 1.25]}], equal(2)).bound).toBeCloseTo(0.8, 12);
  });

  test('takes dispatch and the beginning of calls apart', () => {
    const layer = {...even(8), call: 1, fork: 2};
    expect(efficiency([layer], equal(8))).toEqual({bound: 1, withDispatch: 9 / 32});
  });
});

test('layers are ranked by what they leave unused, those of one name together', () => {
  const layers = [
    {name: 'full', ...even(4)},
    {name: 'odd', ...even(3)},
    {name: 'odd', ...even(3)},
    {name: 'alone', ...even(1)},
  ];
  const rows = callBenchmarkModule<object[]>('scaling.mjs', 'rankLayers', layers, equal(2));
  // 2 + 2 + 2 + 1 of time on 2 threads; one thread idles for 1 in each but the first.
  expect(rows).toMatchObject([
    {name: 'odd', count: 2, alone: 3, span: 2, pieces: 3, efficiency: 0.75, loss: 2 / 14},
    {name: 'alone', count: 1, efficiency: 0.5, loss: 1 / 14},
    {name: 'full', count: 1, efficiency: 1, loss: 0},
  ]);
});

describe('the networks', () => {
  const weights = (layers: Layer[]) =>
    sum(layers.map((l) => l.kernel ** 2 * l.outChannels * (l.kind === 'conv' ? l.inChannels : 1)));

  const [mobileNet] = sharedGraphModels().filter((file) => modelName(file) === 'mobilenet_v2_1.0_224');
  testWhere(mobileNet !== undefined, 'mobilenet_v2_1.0_224 of ../shared is absent')(
    'are those that they are called: MobileNetV2 of ../shared layer by layer',
    () => {
      const graph = ModelGraph.from(readModel(mobileNet));
      const shapes = inferShapes(graph);
      const found = graph.allNodes().flatMap((node) => {
        if (!/Conv2[dD]|MatMul/.test(node.op)) return [];
        const filter = shapes.get(graph.inputs(node)[1].node)!.map(Number);
        const [kernel, , inChannels, outChannels] = filter.length === 4 ? filter : [1, 1, ...filter];
        const [, outSize] = shapes.get(node.name)!.length === 4 ? shapes.get(node.name)! : [1, 1];
        const depthwise = /Depthwise/.test(node.op);
        return [
          {
            kind: depthwise ? 'depthwise' : 'conv',
            kernel,
            inChannels,
            outChannels: depthwise ? inChannels : outChannels,
            outSize,
          },
        ];
      });
      const listed = architecture('mobileNetV2').map(({kind, kernel, inChannels, outChannels, outSize}) => {
        return {kind, kernel, inChannels, outChannels, outSize};
      });
      expect(found).toEqual(listed);
    },
  );

  test('have as many weights as ResNet-50 less its batch norms and biases', () => {
    expect(weights(architecture('resNet50'))).toBe(25_557_032 - 53_120 - 1000);
  });

  test('have as many weights as the 2.8 MB of esrgan-medium', () => {
    expect((4 * weights(architecture('residualDenseNetwork'))) / 1e6).toBeCloseTo(2.8, 1);
  });
});

describe('the pieces of a layer', () => {
  const cases = ['mobileNetV2', 'resNet50', 'residualDenseNetwork'].flatMap((name) =>
    [2, 8, 32].map((threads) => [name, threads] as const),
  );

  test.each(cases)(
    'cover all of its pixels and channels, and little more than its work (%s, %i threads)',
    (name, threads) => {
      for (const layer of architecture(name)) {
        const {kernel, inChannels, outChannels, outSize} = layer;
        let pieces: readonly number[];
        let alone: number;
        if (layer.kind === 'depthwise') {
          const sizes = {outHeight: outSize, outWidth: outSize, kernelHeight: kernel, kernelWidth: kernel};
          const steps = {strideHeight: layer.stride!, strideWidth: layer.stride!, dilationHeight: 1, dilationWidth: 1};
          const geometry = {batch: 1, outChannels: inChannels, multiplier: 1, ...sizes, ...steps};
          const cut = cutDepthwise(geometry, threads);
          pieces = depthwisePieces(geometry, cut);
          [alone] = depthwisePieces(geometry, cutDepthwise(geometry, 1));
          expect(pieces).toHaveLength(Math.ceil((outSize * cut.groups) / cut.unitRows));
        } else {
          const filter = {kh: kernel, kw: kernel, inChannels, outChannels};
          const geometry = {filter, outputPixels: outSize ** 2};
          const cut = cutLayer(geometry, {kind: 'dense'}, 0, 'relaxed', threads);
          pieces = cut.pieces;
          [alone] = cutLayer(geometry, {kind: 'dense'}, 0, 'relaxed', 1).pieces;
          // As the runtime counts them.
          const parts = Math.ceil(outSize ** 2 / cut.macroTile) * Math.ceil(outChannels / cut.groupChannels);
          expect(pieces).toHaveLength(cut.parallel ? parts : 1);
          expect(cut.groupChannels === outChannels || cut.groupChannels % 16 === 0).toBe(true);
        }
        // The beginning of a call, 1 us, is in no piece. Claims, weights read again and rows copied again are.
        const all = sum([...pieces]);
        expect([layer.name, all > alone - 1200 && all < 2 * alone]).toEqual([layer.name, true]);
      }
    },
  );

  const planned = (threads: number) =>
    callBenchmarkModule<Planned[]>('pieces.mjs', 'planLayers', architecture('mobileNetV2'), threads, 'relaxed');

  test('are one of the whole work on one thread', () => {
    for (const {alone, fork, pieces} of planned(1)) expect([pieces, fork]).toEqual([[alone], 0]);
  });

  test('cost a dispatch where there are several', () => {
    const layers = planned(8);
    expect(layers.map(({name}) => name)).toEqual(architecture('mobileNetV2').map(({name}) => name));
    for (const {fork, pieces} of layers) expect(fork > 0).toBe(pieces.length > 1);
  });
});

describe('npm run bench:scaling', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [path.join(ROOT, 'benchmarks/scaling.mjs'), ...args], {encoding: 'utf8'});

  test('prints a row for each machine, and more than 85% for MobileNetV2 on 8 threads', () => {
    const {stdout, status} = run();
    expect(status).toBe(0);
    const rows = stdout.trimEnd().split('\n').slice(-11);
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual([
      ...['1', '2', '3', '4', '6', '8', '12', '16', '24', '32'],
      '4 + 4 of half speed',
    ]);
    expect(rows[0].match(/100%/g)).toHaveLength(6);
    expect(Number(/(\d+)%/.exec(rows[5])![1])).toBeGreaterThanOrEqual(85);
  });

  test('lists the layers that fill the threads worst', () => {
    const {stdout, status} = run('--layers', '--threads', '4');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(expand|project|depthwise) .*\d+ +\d+\.\d +\d+\.\d +\d+ +\d+% +\d\.\d%$/m);
  });
});
