import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {madeUpRecord} from './madeUpRecord';

type Ratios = Map<string, {ratio: number}>;

const call = <T>(name: string, ...args: unknown[]) => callBenchmarkModule<T>('gate.mjs', name, ...args);
const ratios = (entries: Record<string, number>): Ratios =>
  new Map(Object.entries(entries).map(([name, ratio]) => [name, {ratio}]));

describe('the gate', () => {
  test('finds worse what takes more than 7% longer beside stock, and puts the worst first', () => {
    const before = ratios({equal: 2, better: 2, little: 2.12, worse: 2, gone: 1});
    const now = ratios({equal: 2, better: 3, little: 2, worse: 1.6, new: 1});
    expect(call('compareRatios', before, now, 0.07)).toEqual([
      {name: 'worse', before: 2, now: 1.6, change: expect.closeTo(0.25, 9), worse: true},
      {name: 'little', before: 2.12, now: 2, change: expect.closeTo(0.06, 9), worse: false},
      {name: 'equal', before: 2, now: 2, change: 0, worse: false},
      {name: 'better', before: 2, now: 3, change: expect.closeTo(-1 / 3, 9), worse: false},
    ]);
  });

  test('takes the best of several measurements of a row', () => {
    const best = call<Ratios>('bestOf', ratios({a: 1, b: 2}), ratios({a: 1.5, b: 1.5, c: 1}));
    expect(best).toEqual(ratios({a: 1.5, b: 2, c: 1}));
  });

  test('compares every path of a shape with stock', () => {
    expect(call('kernelRatios', madeUpRecord().kernels[0])).toEqual(
      new Map([
        ['16 -> 96 @ 112, auto', {ratio: 1.25, shape: '16 -> 96 @ 112'}],
        ['16 -> 96 @ 112, 1x4', {ratio: 0.8, shape: '16 -> 96 @ 112'}],
        ['depthwise 3x3 32 @ 112, auto', {ratio: 2, shape: '3x3 32 @ 112'}],
      ]),
    );
  });

  test('compares those of its models that are on record, on one thread', () => {
    const {rows} = madeUpRecord();
    const expected = ratios({'mobilenet_v2_1.0_224 untouched': 1.5, 'mobilenet_v2_1.0_224 1x4 50%': 2});
    expect(call('modelRatios', {rows})).toEqual(expected);
    expect(call('modelRatios', {rows: rows.map((row) => ({...row, threads: [2]}))})).toEqual(new Map());
  });

  test('prints the rows that are worse, some others, and how many there are', () => {
    const row = (name: string, change: number) => ({
      name,
      before: 2,
      now: 2 / (1 + change),
      change,
      worse: change > 0.07,
    });
    const table = call<string>('formatGate', [row('slow', 0.25), row('fair', 0.05), row('good', -0.1)], 0.07, 1);
    expect(table).toMatch(/^slow +2\.000 +1\.600 +\+25\.0% {2}WORSE$/m);
    expect(table).toMatch(/^fair +2\.000 +1\.905 +\+5\.0%$/m);
    expect(table).not.toContain('good');
    expect(table).toContain('1 more did no worse than these\n1 of 3 are worse by more than 7.0%');
  });
});

describe('npm run bench:gate', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'gate-'))));
  afterAll(() => rmSync(folder, {recursive: true, force: true}));

  function gate(record: unknown, ...args: string[]) {
    writeFileSync(path.join(folder, 'results.json'), JSON.stringify(record));
    const script = path.join(ROOT, 'benchmarks/gate.mjs');
    return spawnSync(process.execPath, [script, '--baseline', 'results.json', '--runs', '1', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  }

  /** A record of depthwise kernels alone, which are no faster or slower than this beside stock. */
  const depthwise = (ratio: number) => {
    const record = madeUpRecord();
    const engines = {stock: {ms: 1, gflops: 1, ratio: 1}, auto: {ms: 1, gflops: 1, ratio}};
    const shape = {name: '1x1 16 -> 64 @ 1', engines};
    const kernels = [{...record.kernels[0], variant: 'simd128', results: [shape], depthwise: []}];
    return {...record, rows: [], profiles: [], kernels};
  };

  test('names the newest results of an environment, or says how to make them', () => {
    const newest = (env: string, names: string[]) => {
      for (const name of names) writeFileSync(path.join(folder, name), '');
      return callBenchmarkModule<string>('recordFile.mjs', 'newestRecord', env, folder);
    };
    expect(() => newest('node', ['2025-02-01-a-chromium.json'])).toThrow(/no committed results for node.*bench:record/);
    expect(path.basename(newest('node', ['2024-12-31-b-node.json', '2025-01-01-a-node.json']))).toBe(
      '2025-01-01-a-node.json',
    );
  });

  test('passes where nothing is slower than on record', () => {
    const {status, stdout, stderr} = gate(depthwise(1e-6), '--only', 'kernels');
    expect(stdout).toMatch(/1x1 16 -> 64 @ 1, auto .*-100\.0%/);
    expect(stdout).toContain('0 of 1 are worse');
    expect(stderr).toContain('results of another machine, Made & Up(R) CPU');
    expect(status).toBe(0);
  });

  test('fails where a row is slower after it was measured three times', () => {
    const {status, stdout, stderr} = gate(depthwise(1e6), '--only', 'kernels');
    expect(stderr.match(/^worse, measured again: 1x1 16 -> 64 @ 1, auto$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/WORSE$/m);
    expect(status).toBe(1);
  });

  test('does not compare environments', () => {
    const {status, stderr} = gate(madeUpRecord(), '--env', 'node');
    expect([status, stderr]).toEqual([1, expect.stringContaining('the results are of chromium: add --env chromium')]);
  });
});
