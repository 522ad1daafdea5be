// The tarball of `npm pack`, unpacked where npm would put it, beside links to what npm would install with it.
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {smallClassifier, writeModel} from '../support/commandLine';
import {ROOT} from './consumer';

const NAME = 'tfjs-backend-blocksparse-1xn';
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

let folder: string;
let app: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tarball-'));
  app = path.join(folder, 'app');
  const installed = path.join(app, 'node_modules', NAME);
  mkdirSync(installed, {recursive: true});
  // dist/ is built: what prepack does would only do it again.
  run(ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))!;
  run(folder, 'tar', '-xzf', tarball, '--strip-components=1', '-C', installed);
  for (const name of [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]) {
    const link = path.join(app, 'node_modules', name);
    mkdirSync(path.dirname(link), {recursive: true});
    symlinkSync(path.join(ROOT, 'node_modules', name), link, 'junction');
  }
  run(app, 'npm', 'rebuild', NAME, '--ignore-scripts', '--offline'); // makes node_modules/.bin
  writeModel(folder, smallClassifier());
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

function run(cwd: string, command: string, ...args: string[]): string {
  const {status, stdout, stderr, error} = spawnSync(command, args, {cwd, encoding: 'utf8'});
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

const npx = (...args: string[]) => run(app, 'npx', '--no', '--offline', 'blocksparse-1xn', ...args);

test('npx blocksparse-1xn prunes a model and inspects the result', () => {
  expect(npx('--version')).toBe(`${manifest.version}\n`);
  expect(npx('prune', '../model.json', 'out', '--n', '4', '--sparsity', '0.5')).toContain('Written to out: 2 files');
  const {layers} = JSON.parse(npx('inspect', 'out/model.json', '--json'));
  const half = layers.find(({name}: {name: string}) => name.startsWith('project'));
  expect(half.zeros).toBe(half.weights / 2);
  expect(half.blocks[4]).toEqual({nonzero: 64, all: 128});
});

test('the command line runs models on the backend of the library beside it', () => {
  const {engines, outputs} = JSON.parse(npx('bench', '../model.json', '--runs', '1', '--json'));
  expect(engines.map(({engine}: {engine: string}) => engine)).toEqual(['blocksparse-1xn', 'tfjs-wasm']);
  expect(outputs[0].relative).toBeLessThan(1e-5);
});

test('the tarball holds what is used, and no tests or sources', () => {
  const files = readdirSync(path.join(app, 'node_modules', NAME), {recursive: true, encoding: 'utf8'});
  expect(files).toEqual(expect.arrayContaining(['package.json', 'dist/cli.mjs', 'dist/index.mjs', 'dist/worker.js']));
  expect(files.filter((file) => /^(src|test|benchmarks|kernels|demo)\b/.test(file))).toEqual([]);
});
