import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {writeSmallModel} from './smallModel';

interface Work {
  flops: number | null;
  read: number;
  written: number;
}

const tensor = (...shape: number[]) => ({shape, dtype: 'float32'});

function work(kernel: string, inputs: object[], outputs: object[], more: object = {}): Work {
  const op = {kernel, inputs, outputs, attrs: {}, view: false, weights: null, ...more};
  return callBenchmarkModule('roofline.mjs', 'opWork', op);
}

describe('the work of an op', () => {
  test('is 2 flops for each output, tap and input channel of a convolution, and each tensor once', () => {
    const inputs = [tensor(1, 8, 8, 4), tensor(3, 3, 4, 6), tensor(6)];
    expect(work('FusedConv2D', inputs, [tensor(1, 8, 8, 6)])).toEqual({
      flops: 2 * 8 * 8 * 6 * 9 * 4,
      read: 4 * (8 * 8 * 4 + 9 * 4 * 6 + 6),
      written: 4 * 8 * 8 * 6,
    });
  });

  test('counts the weights alone that are kept, as they are packed', () => {
    const inputs = [tensor(1, 4, 4, 8), tensor(1, 1, 8, 16)];
    const weights = {entries: 32, bytes: 200};
    expect(work('Conv2D', inputs, [tensor(1, 4, 4, 16)], {weights})).toEqual({
      flops: (2 * 16 * 16 * 8) / 4,
      read: 4 * 16 * 8 + 200,
      written: 4 * 16 * 16,
    });
  });

  test('leaves out the pixels that a stride jumps over', () => {
    const inputs = [tensor(1, 8, 8, 4), tensor(1, 1, 4, 4)];
    expect(work('Conv2D', inputs, [tensor(1, 4, 4, 4)]).read).toBe(4 * (4 * 4 * 4 + 16));
  });

  test('knows depthwise and transposed convolutions and matrix products', () => {
    const flops = (...args: Parameters<typeof work>) => work(...args).flops;
    expect(flops('FusedDepthwiseConv2D', [tensor(1, 8, 8, 4), tensor(3, 3, 4, 2)], [tensor(1, 8, 8, 8)])).toBe(
      2 * 64 * 8 * 9,
    );
    expect(flops('Conv2DBackpropInput', [tensor(1, 4, 4, 6), tensor(2, 2, 3, 6)], [tensor(1, 8, 8, 3)])).toBe(
      2 * 16 * 6 * 4 * 3,
    );
    expect(flops('_FusedMatMul', [tensor(1, 5, 7), tensor(1, 7, 3)], [tensor(1, 5, 3)])).toBe(2 * 5 * 7 * 3);
    const transposed = {attrs: {transposeA: true}};
    expect(flops('BatchMatMul', [tensor(7, 5), tensor(7, 3)], [tensor(5, 3)], transposed)).toBe(2 * 5 * 7 * 3);
  });

  test('is memory alone for other kernels; a slice reads what it writes, a view nothing', () => {
    expect(work('Add', [tensor(10), tensor(10)], [tensor(10)])).toEqual({flops: null, read: 80, written: 40});
    expect(work('Slice', [tensor(10)], [tensor(3)])).toEqual({flops: null, read: 12, written: 12});
    expect(work('Reshape', [tensor(10)], [tensor(10)], {view: true})).toEqual({flops: null, read: 0, written: 0});
    const bool = {shape: [10], dtype: 'bool'};
    expect(work('Equal', [tensor(10), tensor(10)], [bool]).written).toBe(10);
  });
});

describe('the roof of an op', () => {
  const at = (bytes: number, read: number, write = read, copy = read) => ({bytes, read, write, copy});
  const roof = {gflops: 50, bandwidths: [at(1000, 100), at(100_000, 20, 10, 15)]};
  const rooflineMs = (work: Work, threads = 1) =>
    callBenchmarkModule<{ms: number; bound: string}>('roofline.mjs', 'rooflineMs', work, roof, threads);

  test('is the peak where there is much to compute', () => {
    expect(rooflineMs({flops: 5e6, read: 500, written: 500})).toEqual({ms: 0.1, bound: 'compute'});
  });

  test('is memory where there is little: the slowest of loads, stores and a copy of what is both', () => {
    expect(rooflineMs({flops: null, read: 1e6, written: 0})).toEqual({ms: 1e6 / 20 / 1e6, bound: 'memory'});
    expect(rooflineMs({flops: null, read: 0, written: 1e6}).ms).toBeCloseTo(0.1, 12);
    expect(rooflineMs({flops: null, read: 1e6, written: 1e6}).ms).toBeCloseTo(2 / 15, 12);
  });

  test('is shared by threads', () => {
    expect(rooflineMs({flops: 5e6, read: 500, written: 500}, 2).ms).toBe(0.05);
  });

  test('takes memory as fast as it is for so many bytes, between those that were measured too', () => {
    const read = (bytes: number) =>
      callBenchmarkModule<{read: number}>('roofline.mjs', 'bandwidthAt', roof.bandwidths, bytes).read;
    expect([10, 1000, 10_000, 100_000, 1e9].map(read)).toEqual([100, 100, expect.closeTo(60, 9), 20, 20]);
  });
});

describe('what is said of ops', () => {
  const op = {
    ...{node: 'n', kernel: 'FusedConv2D', path: 'dense', kept: 1, workers: false, bound: 'compute'},
    ...{inputs: [[1, 8, 8, 4], [3, 3, 4, 6], [6]], outputs: [[1, 4, 4, 6]], attrs: {strides: [2, 2]}},
    ...{ms: 2, stockMs: 3, flops: 100, bytes: 10, roofMs: 1},
  };
  const describeShapes = (more: object) => callBenchmarkModule('profile.mjs', 'describeShapes', {...op, ...more});
  const isSlower = (more: object) => callBenchmarkModule('profile.mjs', 'isSlower', {...op, ...more});

  test('shapes are input, filter, stride and output, without a batch of one', () => {
    expect(describeShapes({})).toBe('8x8x4, 3x3/2 -> 4x4x6');
    const matMul = {
      kernel: '_FusedMatMul',
      inputs: [
        [1, 5],
        [5, 3],
      ],
      outputs: [[1, 3]],
      attrs: {},
    };
    expect(describeShapes(matMul)).toBe('1x5 * 5x3 -> 1x3');
    const pool = {kernel: 'MaxPool', inputs: [[2, 4, 4, 8]], outputs: [[2, 2, 2, 8]]};
    expect(describeShapes({...pool, attrs: {filterSize: [2, 2], strides: 2}})).toBe('2x4x4x8, 2x2/2 -> 2x2x2x8');
    expect(describeShapes({kernel: 'Fill', inputs: [], outputs: [[]], attrs: {}})).toBe(' -> scalar');
  });

  test('ops of one kernel and path are summed, the longest group first', () => {
    const ops = [op, {...op, path: '1x4', ms: 5, flops: null}, op];
    expect(callBenchmarkModule('profile.mjs', 'groupOps', ops)).toEqual([
      {name: 'FusedConv2D, 1x4', count: 1, ms: 5, stockMs: 3, flops: 0, roofMs: 1},
      {name: 'FusedConv2D, dense', count: 2, ms: 4, stockMs: 6, flops: 200, roofMs: 2},
    ]);
  });

  test("slower than stock is what takes more than noise, on a kernel that is not stock's own", () => {
    expect(isSlower({ms: 3.1})).toBe(false);
    expect(isSlower({ms: 3.2})).toBe(true);
    expect(isSlower({ms: 3.2, path: 'stock'})).toBe(false);
    expect(isSlower({ms: 0.0015, stockMs: 0.001})).toBe(false);
  });
});

describe('what is said of a plan', () => {
  const lines = (plan: object) => {
    const pair = {ms: 1, stockMs: 2};
    const profile = {
      ...{model: 'm', weights: 'untouched', threads: 1, machine: {}, ops: [], sum: pair, rest: pair, whole: pair},
      ...{roof: {gflops: 50, bandwidths: []}, tickMs: 0.005},
      plan: {obstacle: null, ms: 0.8, steps: [], arenaBytes: 0, programBytes: 0, ...plan},
    };
    const text = callBenchmarkModule<string>('profile.mjs', 'formatProfile', profile);
    return text.split('\n\n').find((part) => /planned: /i.test(part))!;
  };

  test('regions are numbered, calls between them are not, and what is not known is left out', () => {
    const steps = [
      {region: 1, kernels: 'FusedConv2D 1x4 > FusedDepthwiseConv2D 1x4', pieces: 12, expectedMs: 0.25, ms: 0.3},
      {region: 0, kernels: 'Softmax', pieces: 0, expectedMs: 0, ms: 0.01},
      {region: 2, kernels: 'Add 1x4', pieces: 3, expectedMs: 0, ms: null},
    ];
    expect(lines({steps, arenaBytes: 4097, programBytes: 1024})).toBe(
      [
        'Planned: 2 regions, an arena of 5 KiB, 1 KiB of records',
        'region  kernels, a chain with >                     pieces  expected     ms',
        '     1  FusedConv2D 1x4 > FusedDepthwiseConv2D 1x4      12     0.250  0.300',
        '        call of Softmax                                               0.010',
        '     2  Add 1x4                                          3',
      ].join('\n'),
    );
  });

  test('where there is none it is the reason', () => {
    expect(lines({obstacle: 'an output is an input'})).toBe('Not planned: an output is an input');
  });
});

describe('npm run profile in Node', () => {
  let folder: string;
  let model: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'profile-'));
    model = writeSmallModel(folder);
  });
  afterAll(() => rmSync(folder, {recursive: true, force: true}));

  const profile = (...args: string[]) => {
    const script = path.join(ROOT, 'benchmarks/profile.mjs');
    return spawnSync(process.execPath, [script, '--model', model, ...args], {cwd: ROOT, encoding: 'utf8'});
  };

  test('ends with a JSON object: every op in order, its path, its work, its time beside stock and its roof', () => {
    const run = profile('--env', 'node', '--runs', '2', '--json');
    expect(run.stderr).toContain('run 1 of 2');
    expect(run.status).toBe(0);
    const json = JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!);
    expect(json).toMatchObject({model, sparsity: 0, weights: 'untouched', threads: 1, runs: 2, env: 'node'});
    // Convolution and ReLU are fused as the model loads.
    const [conv, greater, where] = json.ops;
    expect(json.ops.map(({kernel}: {kernel: string}) => kernel).slice(0, 2)).toEqual(['FusedConv2D', 'Greater']);
    expect(conv).toMatchObject({
      ...{
        node: 'relu',
        inputs: [
          [1, 12, 12, 3],
          [3, 3, 3, 8],
        ],
        outputs: [[1, 12, 12, 8]],
        workers: false,
      },
      ...{flops: 2 * 144 * 8 * 27, attrs: {strides: [1, 1], pad: 'same', activation: 'relu'}},
    });
    expect(conv.path).toMatch(/^(dense|stock|1x\d+)$/);
    expect(greater).toMatchObject({node: 'positive', path: 'stock', flops: null, bytes: 4 * (1152 + 1) + 1152});
    expect(where).toBeDefined();
    for (const {ms, stockMs, roofMs} of json.ops) {
      expect(ms).toBeGreaterThan(0);
      expect(stockMs).toBeGreaterThan(0);
      expect(roofMs).toBeGreaterThanOrEqual(0);
    }
    expect(json.roof.gflops).toBeGreaterThan(0);
    expect(json.roof.bandwidths).toHaveLength(13);
    // The stretch before the shape that depends on values.
    const step = {region: 1, kernels: 'FusedConv2D 1x12x12x8', pieces: 1};
    const times = {expectedMs: expect.any(Number), ms: expect.any(Number)};
    expect(json.plan).toEqual({
      ...{obstacle: null, ms: expect.any(Number), arenaBytes: 0, programBytes: expect.any(Number)},
      steps: [{...step, ...times}],
    });
    expect(json.plan.steps[0].ms).toBeGreaterThan(0);
    for (const key of ['sum', 'rest', 'whole']) expect(json[key]).toMatchObject({ms: expect.any(Number)});
    expect(json.machine).toMatchObject({cores: expect.any(Number), runtime: `Node ${process.versions.node}`});
  });

  test('prints tables of ops, groups and sums, with the blocks that are kept', () => {
    const run = profile('--env', 'node', '--runs', '1', '--n', '8', '--sparsity', '0.5');
    expect(run.status).toBe(0);
    expect(run.stdout).toContain('pruned 1x8 50%');
    expect(run.stdout).toMatch(/^ *1 {2}relu +FusedConv2D +12x12x3, 3x3 -> 12x12x8 +\S+.* +\d+\.\d{3} +\d+%/m);
    expect(run.stdout).toMatch(/^an inference as planned +\d+\.\d{3} +\d+\.\d{3} +\d+\.\d\d$/m);
    expect(run.stdout).toMatch(/^Planned: 1 region, an arena of 0 KiB, \d+ KiB of records$/m);
    expect(run.stdout).toMatch(/^ +1 {2}FusedConv2D 1x12x12x8 +1 +\d+\.\d{3} +\d+\.\d{3}$/m);
    expect(run.stdout).toMatch(/^all ops +\d+\.\d{3} +\d+\.\d{3} +\d+\.\d\d$/m);
  });

  test('tells which ops hand out work to other threads', () => {
    const run = profile('--model', 'human:liveness', '--env', 'node', '--runs', '1', '--threads', '2', '--json');
    expect(run.status).toBe(0);
    const {ops} = JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!);
    const convolutions = ops.filter(({kernel}: {kernel: string}) => kernel === 'FusedConv2D');
    expect(convolutions.map(({workers}: {workers: boolean}) => workers)).toContain(true);
    for (const {path: taken, workers} of ops) if (/view|stock/.test(taken)) expect(workers).toBe(false);
  });

  test('answers a mistake with one line and exit 1', () => {
    const run = profile('--env', 'firefox');
    expect(run.status).toBe(1);
    expect(run.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^profile: .*chromium or node.*--help/)]);
  });
});
