import {spawnSync} from 'node:child_process';
import {copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {ROOT} from './benchmarkModule';
import {writeSmallLayersModel, writeSmallModel} from './smallModel';

let folder: string;
let model: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  model = writeSmallModel(folder);
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

function bench(args: string[], options: {env?: Record<string, string>; cwd?: string} = {}) {
  return spawnSync(process.execPath, [path.join(ROOT, 'benchmarks/bench.mjs'), ...args], {
    cwd: options.cwd ?? ROOT,
    env: {...process.env, ...options.env},
    encoding: 'utf8',
  });
}

/** What every mistake has to come to: exit 1, nothing on stdout, one line on stderr. */
function expectOneLine(run: ReturnType<typeof bench>, message: RegExp) {
  expect(run.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
  expect(run.stdout).toBe('');
  expect(run.status).toBe(1);
}

describe('npm run bench answers a mistake with one line and exit 1:', () => {
  test.each<[string, string[], RegExp]>([
    ['an unknown flag', ['--fast'], /unknown option '--fast'.*--help/],
    ['a flag without its value', ['--model'], /'--model <path\|name>' argument missing/],
    ['an argument that belongs to no flag', ['model.json'], /too many arguments/],
    ['an unknown block height', ['--n', '3'], /1, 2, 4, 8, 16, 32/],
    ['a sparsity of 1', ['--sparsity', '1'], /from 0 to below 1/],
    ['a sparsity that is not a number', ['--sparsity', 'half'], /from 0 to below 1/],
    ['no runs', ['--runs', '0'], /integer of at least 1/],
    ['no threads', ['--threads', '0'], /a whole number from 1 to 64, or several like 1,2/],
    ['more threads than the backend takes', ['--threads', '1,65'], /from 1 to 64/],
    ['a list of threads with a hole', ['--threads', '1,,2'], /from 1 to 64/],
    ['an unknown environment', ['--env', 'safari'], /chromium, firefox or node/],
    ['an unknown peer', ['--peers', 'tfjs-wasm,tflite'], /list of: tfjs-wasm, litert, ort/],
    ['a size of one number', ['--size', '128'], /height and width in pixels, like 128,128/],
    ['a size of nothing', ['--size', '0,128'], /height and width in pixels/],
    ['a peer that needs a page, in Node', ['--env', 'node', '--peers', 'litert'], /litert runs in a page only/],
    ['a model that does not exist', ['--model', 'no-such-model'], /no model no-such-model: give the path/],
    ['an npm model that does not exist', ['--model', 'human:nobody'], /no model human:nobody: give the path/],
  ])('%s', (_, args, message) => {
    expectOneLine(bench(args), message);
  });

  test('a file that is not JSON', () => {
    writeFileSync(path.join(folder, 'broken.json'), 'model?');
    expectOneLine(bench(['--model', path.join(folder, 'broken.json')]), /broken\.json is not JSON/);
  });

  test('a file of JSON that is no model', () => {
    writeFileSync(path.join(folder, 'layers.json'), JSON.stringify({format: 'layers-model', modelTopology: {}}));
    expectOneLine(bench(['--model', path.join(folder, 'layers.json')]), /is not a model of tfjs/);
  });

  test('a layers model that is to be pruned', () => {
    const layers = writeSmallLayersModel(path.join(folder, 'layers'));
    expectOneLine(
      bench(['--model', layers]),
      /is a layers model, which the load hook does not prune: add --sparsity 0/,
    );
  });

  test('a model without its weights', () => {
    const lonely = path.join(folder, 'lonely');
    mkdirSync(lonely);
    copyFileSync(model, path.join(lonely, 'model.json'));
    expectOneLine(bench(['--model', lonely]), /lacks its weight file weights\.bin/);
  });

  test.each([
    ['chromium', 'CHROME_PATH'],
    ['firefox', 'FIREFOX_PATH'],
  ])('a browser that is not there: %s', (env, variable) => {
    const run = bench(['--model', model, '--env', env], {env: {[variable]: path.join(folder, 'no-browser')}});
    expectOneLine(run, new RegExp(`${variable} names .*no-browser, which does not exist`));
  });
});

test('npm run bench -- --help shows flags and examples, and exits with 0', () => {
  const run = bench(['--help']);
  expect(run.status).toBe(0);
  expect(run.stdout).toContain('--sparsity <share>');
  expect(run.stdout).toContain('npm run bench -- --model');
});

describe('npm run bench in Node, on a small model that only executeAsync can run,', () => {
  test('ends with a JSON object of the documented form, on a line of its own', () => {
    const run = bench(['--model', model, '--env', 'node', '--sparsity', '0', '--runs', '3', '--json']);
    expect(run.stderr).toContain('run 1 of 3');
    expect(run.status).toBe(0);

    const report = JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!);
    expect(report).toMatchObject({model, n: 4, sparsity: 0, threads: [1], env: 'node'});
    expect(report.machine.runtime).toBe(`Node ${process.versions.node}`);
    expect(report.machine.variant).toMatch(/^(simd128|relaxed)$/);
    expect(report.results.map((result: {engine: string}) => result.engine)).toEqual(['blocksparse-1xn', 'tfjs-wasm']);
    for (const result of report.results) {
      expect(result).toMatchObject({weights: 'untouched', threads: 1});
      for (const key of ['minMs', 'medianMs', 'p95Ms', 'firstMs', 'loadMs']) expect(result[key]).toBeGreaterThan(0);
      expect(result.medianMs).toBeGreaterThanOrEqual(result.minMs);
      expect(result.p95Ms).toBeGreaterThanOrEqual(result.medianMs);
      // Filter, one scalar and one image, four bytes a number.
      expect(result.heapBytes).toBeGreaterThanOrEqual(4 * (3 * 3 * 3 * 8 + 1 + 12 * 12 * 3));
    }
    const [ours, stock] = report.results;
    expect(report.ratios['tfjs-wasm'] * ours.minMs).toBeCloseTo(stock.minMs, 1);
    expect(report.difference.relative).toBeLessThanOrEqual(1e-3);
  });

  test('prunes our model alone, and finds it by a path relative to the working folder', () => {
    const args = ['--model', 'model.json', '--env', 'node', '--n', '2', '--sparsity', '0.5', '--runs', '1', '--json'];
    const run = bench(args, {cwd: folder});
    expect(run.status).toBe(0);
    const report = JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!);
    expect(report).toMatchObject({model: 'model.json', n: 2, sparsity: 0.5, difference: null});
    expect(report.results).toMatchObject([{weights: 'pruned 1x2 50%'}, {weights: 'untouched'}]);
  });

  test('measures ours once for each number of threads, and stock on one', () => {
    const args = ['--model', model, '--env', 'node', '--sparsity', '0', '--runs', '1', '--threads', '2,1,2'];
    const json = bench([...args, '--json']);
    expect(json.status).toBe(0);
    const report = JSON.parse(json.stdout.trimEnd().split('\n').at(-1)!);
    expect(report.threads).toEqual([2, 1]);
    expect(report.results).toMatchObject([
      {engine: 'blocksparse-1xn, 2 threads', threads: 2},
      {engine: 'blocksparse-1xn, 1 thread', threads: 1},
      {engine: 'tfjs-wasm', threads: 1},
    ]);
    expect(Object.keys(report.ratios)).toEqual(['blocksparse-1xn, 2 threads', 'tfjs-wasm']);
    const [two, one] = report.results;
    expect(report.ratios[two.engine] * one.minMs).toBeCloseTo(two.minMs, 1);

    const table = bench(args);
    expect(table.status).toBe(0);
    expect(table.stdout).toContain('threads: 2, 1');
    expect(table.stdout).toMatch(/blocksparse-1xn, 1 thread \/ blocksparse-1xn, 2 threads: \d+\.\d\dx/);
    expect(table.stdout).toMatch(/tfjs-wasm \/ blocksparse-1xn, 1 thread: \d+\.\d\dx/);
    expect(table.stdout).toContain('tfjs-wasm runs on one thread;');
  });

  test('says why there are fewer threads than asked for, in one line', () => {
    const run = bench(['--model', model, '--env', 'node', '--threads', '2'], {
      env: {NODE_OPTIONS: '--import=data:text/javascript,delete%20globalThis.SharedArrayBuffer'},
    });
    expect(run.status).toBe(1);
    expect(run.stdout).toBe('');
    expect(run.stderr).toMatch(/^bench: blocksparse-1xn runs on 1 of 2 threads: .*has no SharedArrayBuffer$/m);
  });

  test('prints a table without --json', () => {
    const run = bench(['--model', folder, '--env', 'node', '--sparsity', '0', '--runs', '1']);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/blocksparse-1xn .* untouched/);
    expect(run.stdout).toMatch(/tfjs-wasm \/ blocksparse-1xn: \d+\.\d\dx/);
  });

  test('gives images another size where the model leaves it open, and only there', () => {
    const args = ['--model', model, '--env', 'node', '--sparsity', '0', '--runs', '1', '--size', '13,12'];
    const run = bench(args);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('bench: --size 13,12: the model takes images of 12,12 only');
  });

  test('runs a layers model with the custom layers of upscalers', () => {
    const layers = writeSmallLayersModel(path.join(folder, 'upscaler'));
    const args = ['--model', layers, '--env', 'node', '--sparsity', '0', '--runs', '1', '--size', '20,16', '--json'];
    const run = bench(args);
    expect(run.stderr).toContain('run 1 of 1');
    const report = JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!);
    expect(report.results).toHaveLength(2);
    // Input and filter, four bytes a number.
    expect(report.results[1].heapBytes).toBe(4 * (20 * 16 * 3 + 3 * 3 * 3 * 12 + 12));
    expect(report.difference.relative).toBeLessThanOrEqual(1e-6);
    expect(report.difference.range).toBeGreaterThan(0);
  });
});
