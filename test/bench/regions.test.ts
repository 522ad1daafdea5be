import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {writeSmallLayersModel, writeSmallModel} from './smallModel';

const task = (kernels: string) => ({kernels, pieces: 1, expectedMs: 0});
const plan = {
  obstacle: null,
  kernelsInRegions: 6,
  steps: [
    {call: 'Cast'},
    {tasks: [task('FusedConv2D 1x4 > FusedDepthwiseConv2D 1x4'), task('Add 1x4')]},
    {call: 'Elu'},
    {call: 'Elu'},
    {tasks: [task('Add 1x4')]},
    {call: 'Cast'},
    {tasks: [task('Add 1x4'), task('Add 1x4')]},
    {call: 'Softmax'},
    {call: 'Identity'},
  ],
};
const count = (more: object, kernels: number) =>
  callBenchmarkModule('regionsRun.mjs', 'countRegions', {...plan, ...more}, new Array(kernels).fill({}));

describe('the count of regions', () => {
  test('tells what splits regions from what stands around them, and what the plan has no part in', () => {
    expect(count({}, 14)).toEqual({
      ...{kernels: 14, inRegions: 6, regions: 3, chains: 1, outside: 2, obstacle: null},
      splitBy: {Elu: 2, Cast: 1},
      around: {Cast: 1, Identity: 1, Softmax: 1},
    });
  });

  test('is of nothing where nothing is planned', () => {
    const none = {kernels: 5, inRegions: 0, regions: 0, chains: 0, outside: 5, splitBy: {}, around: {}};
    expect(count({steps: [], kernelsInRegions: 0, obstacle: 'why'}, 5)).toEqual({...none, obstacle: 'why'});
  });

  test('is summed over models, what splits most first', () => {
    const models = [
      {splitBy: {Elu: 2, Cast: 1}, around: {Cast: 1}},
      {splitBy: {Cast: 3}, around: {Softmax: 1}},
    ];
    expect(callBenchmarkModule('regions.mjs', 'sumSplits', models)).toEqual([
      {kernel: 'Cast', splits: 4, around: 1, models: 2},
      {kernel: 'Elu', splits: 2, around: 0, models: 1},
      {kernel: 'Softmax', splits: 0, around: 1, models: 1},
    ]);
  });
});

describe('npm run bench:regions', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'regions-'))));
  afterAll(() => rmSync(folder, {recursive: true, force: true}));

  const run = (...args: string[]) =>
    spawnSync(process.execPath, [path.join(ROOT, 'benchmarks/regions.mjs'), ...args], {cwd: ROOT, encoding: 'utf8'});

  test('counts a graph model with control flow and a layers model', () => {
    const [graph, layers] = [writeSmallModel(folder), writeSmallLayersModel(mkdtempSync(path.join(folder, 'layers-')))];
    const {status, stdout} = run('--model', graph, layers, '--json');
    expect(status).toBe(0);
    const {threads, machine, models} = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect({threads, variant: machine.variant}).toEqual({
      threads: 1,
      variant: expect.stringMatching(/relaxed|simd128/),
    });
    // Of the former's convolution and Greater (Where calls no kernel, and a Cast to the type that is there is a view), the
    // second is no part of the stretch.
    expect(models[0]).toEqual({
      ...{model: graph, kernels: 2, inRegions: 1, regions: 1, chains: 0, outside: 1, obstacle: null},
      ...{splitBy: {}, around: {}},
    });
    expect(models[1]).toMatchObject({model: layers, obstacle: null, outside: 0});
    expect(models[1].inRegions).toBeGreaterThanOrEqual(3);
  });

  test('prints a table of models and one of what splits them', () => {
    const {status, stdout} = run('--model', 'human:liveness', 'human:movenet-lightning');
    expect(status).toBe(0);
    expect(stdout).toMatch(/human:liveness +│ +\d+ │ +\d+ \(\d+%\) │/);
    expect(stdout).toMatch(/│ GatherNd +│ 4 +│ 0 +│ 1 +│/);
  });

  test('answers a mistake with one line and exit 1', () => {
    const {status, stderr} = run('--model', 'nowhere');
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^bench:regions: no model nowhere/)]);
  });

  test('knows models of npm packages, each once', () => {
    const names = callBenchmarkModule<string[]>('models.mjs', 'allModels');
    expect(names).toContain('node_modules/@upscalerjs/default-model/models/model.json');
    expect(names.some((name) => /faceres$/.test(name))).toBe(true);
    expect(names.filter((name) => /centernet$/.test(name))).toHaveLength(1);
  });
});
