import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {findInstalledBrowser} from '../support/browsers';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {writeSmallModel} from './smallModel';
import {testWhere} from '../support/optional';

const MOBILENET = 'mobilenet_v1_1.0_224';

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'bench-'))));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** Runs the benchmark once on the untouched model; the report is what `--json` printed. */
function bench(model: string, ...args: string[]) {
  const common = ['--model', model, '--sparsity', '0', '--runs', '1', '--json'];
  const run = spawnSync(process.execPath, [path.join(ROOT, 'benchmarks/bench.mjs'), ...common, ...args], {
    encoding: 'utf8',
  });
  const line = run.stdout.trimEnd().split('\n').at(-1)!;
  return {...run, report: line === '' ? null : JSON.parse(line)};
}

const installed = callBenchmarkModule<boolean>('peers.mjs', 'peersInstalled');
// They are no dependency of the repository, and npm test must not download.
const notInstalled = 'onnxruntime-web and LiteRT.js are not there: npm ci in benchmarks/ installs them';
const withPeers = testWhere(installed, notInstalled);

const shared = existsSync(path.resolve(ROOT, '../shared/models/peers'));
const noModels = '../shared/models/peers, which does not belong to this repository, is absent';
const withPeersAndModels = testWhere(installed && shared, installed ? noModels : notInstalled);

/** `tests`, or skipped ones where the browser is missing. */
function inBrowser(env: 'chromium' | 'firefox', tests: jest.It): jest.It {
  // Firefox is no requirement of the repository's tests; that Chromium is there on CI is tested in test/browser.
  return findInstalledBrowser(env) ? tests : testWhere(false, `${env} is not installed`);
}

test('the benchmarks have their own package, and the root knows nothing of it', () => {
  const names = (file: string) =>
    Object.keys((JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as {packages: object}).packages);
  expect(names('benchmarks/package-lock.json')).toContain('node_modules/onnxruntime-web');
  expect(names('package-lock.json').filter((name) => /onnx|litert|^benchmarks/.test(name))).toEqual([]);
});

test('a peer without a file of the network is left out with a note, and nothing is installed for it', () => {
  const model = path.dirname(writeSmallModel(makeFolder('small')));
  const {status, report, stderr} = bench(model, '--env', 'node', '--peers', 'tfjs-wasm,ort');
  expect(status).toBe(0);
  expect(stderr).not.toContain('npm ci');
  expect(report.notes).toEqual(["ort is left out: there is no peers/small.onnx beside the model's folder."]);
  expect(report.results.map(({engine}: {engine: string}) => engine)).toEqual(['blocksparse-1xn', 'tfjs-wasm']);
  expect(Object.keys(report.versions)).toEqual(['tfjs']);
});

withPeers("a peer's file that does not load is an error", () => {
  const model = path.dirname(writeSmallModel(makeFolder('broken')));
  writeFileSync(path.join(makeFolder('peers'), 'broken.onnx'), 'no network');
  const {status, stdout, stderr} = bench(model, '--env', 'node', '--peers', 'ort');
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^bench: ort cannot load its file: .+$/m);
});

withPeersAndModels('onnxruntime-web in Node gives what stock gives, on the one thread that it has there', () => {
  const {status, report} = bench(MOBILENET, '--env', 'node', '--peers', 'tfjs-wasm,ort', '--threads', '1,2');
  expect(status).toBe(0);
  expect(report.results.at(-1)).toMatchObject({engine: 'ort, 1 thread', threads: 1, heapBytes: null});
  expect(report.versions.ort).toMatch(/^1\./);
  expect(report.notes).toEqual(['ort runs on at most 1 thread here.']);
  expectEqualOutputs(report, ['blocksparse-1xn, 1 thread', 'blocksparse-1xn, 2 threads', 'ort, 1 thread']);
});

describe('in one page, on one and two threads, onnxruntime-web and LiteRT.js give what stock gives:', () => {
  inBrowser('chromium', withPeersAndModels)('Chromium', () => expectAllEngines('chromium', /^Chromium \d/));
  inBrowser('firefox', withPeersAndModels)('Firefox', () => expectAllEngines('firefox', /^Firefox \d/));

  function expectAllEngines(env: string, runtime: RegExp) {
    const {status, report} = bench(MOBILENET, '--env', env, '--peers', 'litert,ort', '--threads', '1,2');
    expect(status).toBe(0);
    expect(report.machine.runtime).toMatch(runtime);
    const peers = ['litert', 'ort'].flatMap((peer) => [`${peer}, 1 thread`, `${peer}, 2 threads`]);
    const ours = ['blocksparse-1xn, 1 thread', 'blocksparse-1xn, 2 threads'];
    expect(report.results.map(({engine}: {engine: string}) => engine)).toEqual([...ours, ...peers]);
    expect(Object.keys(report.ratios)).toEqual([ours[1], ...peers]);
    expect(report.notes).toEqual([]);
    expectEqualOutputs(report, [...ours, ...peers]);
  }
});

inBrowser('firefox', test)('the small model runs in Firefox, which leaves no profile behind', () => {
  const profiles = () => readdirSync(tmpdir()).filter((name) => name.startsWith('bench-firefox-'));
  const before = profiles();
  const {status, report, stderr} = bench(writeSmallModel(makeFolder('firefox')), '--env', 'firefox');
  expect(stderr).toContain('run 1 of 1');
  expect(status).toBe(0);
  expect(report.machine.runtime).toMatch(/^Firefox \d/);
  expect(report.difference.relative).toBeLessThanOrEqual(1e-3);
  expect(profiles()).toEqual(before);
});

function expectEqualOutputs(
  report: {differences: Record<string, {relative: number; range: number}>},
  engines: string[],
) {
  expect(Object.keys(report.differences)).toEqual(engines);
  for (const {relative, range} of Object.values(report.differences)) {
    expect(relative).toBeLessThanOrEqual(1e-4);
    expect(range).toBeGreaterThan(0.01);
  }
}

function makeFolder(name: string): string {
  const made = path.join(folder, name);
  mkdirSync(made, {recursive: true});
  return made;
}
