import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {PruneReport} from '../../src';
import {pruneArtifacts} from '../../src/graph';
import {
  callCli,
  callForJson,
  expectOneLine,
  filesIn,
  largeModel,
  smallClassifier,
  withModel,
  writeModel,
} from '../support/commandLine';
import {readModel} from '../support/realModels';

let folder: string;
let model: string;
let out: string;

const use = (made: {folder: string; model: string}) => {
  ({folder, model} = made);
  out = path.join(folder, 'out');
};
withModel(smallClassifier, use, [beforeEach, afterEach]);

describe('blocksparse-1xn prune', () => {
  test('writes what pruneGraphModel makes, bit for bit, as a standard model', () => {
    const run = callCli(['prune', model, out, '--n', '4', '--sparsity', '0.5']);
    expect(run.status).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);

    const {artifacts, report} = pruneArtifacts(readModel(model), {n: 4, sparsity: 0.5});
    const saved = readModel(path.join(out, 'model.json'));
    expect(Buffer.from(saved.weightData).equals(Buffer.from(artifacts.weightData as ArrayBuffer))).toBe(true);
    expect(saved).toEqual({...JSON.parse(JSON.stringify(artifacts)), weightData: saved.weightData});
    expect(saved.signature).toBeDefined();
    expect(report.totals.blocksAfter).toBeLessThan(report.totals.blocksBefore);
  });

  test('prints layers, totals, and what it means for accuracy', () => {
    const {stdout, stderr} = callCli(['prune', model, out]);
    expect(stdout).toMatch(/expand .*1×1×16×32 .* rearranged/);
    expect(stdout).toContain('left alone: it is the first convolution');
    expect(stdout).toMatch(/2 of 4 layers pruned, 3 rearranged: blocks \d+ -> \d+, multiply-adds/);
    expect(stdout).toContain('accuracy is lower than that of the original');
    expect(stdout).toContain(`Written to ${out}: 2 files`);
    expect(stderr).toBe('');
  });

  test('prints one JSON object with the report and nothing else for --json', () => {
    const {report, files, bytes, options} = callForJson<{
      report: PruneReport;
      files: string[];
      bytes: number;
      options: object;
    }>(['prune', model, out, '--n', '2', '--sparsity', '0.25', '--criterion', 'random', '--seed', '5']);
    expect(options).toMatchObject({n: 2, sparsity: 0.25, criterion: 'random', seed: 5});
    expect(report).toEqual(
      pruneArtifacts(readModel(model), {n: 2, sparsity: 0.25, criterion: 'random', seed: 5}).report,
    );
    expect(files).toEqual(readdirSync(out).sort());
    const sizes = files.map((file) => readFileSync(path.join(out, file)).length);
    expect(bytes).toBe(sizes.reduce((sum, size) => sum + size));
  });

  test('prunes the layers named alone, the classifier on request, in the old order if asked', () => {
    const pruned = (...args: string[]) => {
      const {report} = callForJson<{report: PruneReport}>(['prune', model, out, '--force', ...args]);
      return report.layers.filter((layer) => layer.leftAlone === null).map(({name, rearranged}) => [name, rearranged]);
    };
    expect(pruned('--layers', 'project')).toEqual([['project', true]]);
    expect(pruned('--layers', 'expand,stem', '--rearrange', 'none')).toEqual([
      ['stem', false],
      ['expand', false],
    ]);
    expect(pruned('--classifier')).toContainEqual(['logits', false]);
  });

  test('writes weights in files of 4 MB, in the order of the manifest', () => {
    const large = writeModel(path.join(folder, 'large'), largeModel());
    const {files} = callForJson<{files: string[]}>(['prune', large, out, '--sparsity', '0']);
    expect(files).toEqual(['group1-shard1of2.bin', 'group1-shard2of2.bin', 'model.json']);
    expect(readFileSync(path.join(out, files[0]))).toHaveLength(4 * 1024 * 1024);
    const {artifacts} = pruneArtifacts(readModel(large), {sparsity: 0});
    const saved = Buffer.from(readModel(path.join(out, 'model.json')).weightData);
    expect(saved.equals(Buffer.from(artifacts.weightData as ArrayBuffer))).toBe(true);
  });

  test('makes the folders above the new one', () => {
    const deep = path.join(folder, 'a/b/c');
    expect(callCli(['prune', model, deep]).status).toBe(0);
    expect(readdirSync(deep)).toContain('model.json');
  });

  test('fills an empty folder', () => {
    mkdirSync(out);
    expect(callCli(['prune', model, out]).status).toBe(0);
    expect(readdirSync(out)).toContain('model.json');
  });
});

describe('blocksparse-1xn prune overwrites nothing:', () => {
  test('a model is replaced with --force alone, as a whole', () => {
    writeModel(out, largeModel());
    const before = filesIn(out);
    expectOneLine(callCli(['prune', model, out]), 1, /out holds a model: .*--force/);
    expect(filesIn(out)).toEqual(before);

    expect(callCli(['prune', model, out, '--force']).status).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    expect(readdirSync(folder).sort()).toEqual(['model', 'out']);
  });

  test('the model itself can be replaced', () => {
    const {artifacts} = pruneArtifacts(readModel(model), {sparsity: 0.5});
    expect(callCli(['prune', model, path.dirname(model), '--force']).status).toBe(0);
    const saved = Buffer.from(readModel(model).weightData);
    expect(saved.equals(Buffer.from(artifacts.weightData as ArrayBuffer))).toBe(true);
  });

  test.each([[[]], [['--force']]])('a folder with other files in it stays as it is, with %j', (force) => {
    writeModel(out, largeModel());
    writeFileSync(path.join(out, 'notes.txt'), 'mine');
    const before = filesIn(out);
    expectOneLine(
      callCli(['prune', model, out, ...force]),
      1,
      /holds files that are no part of a model, such as notes\.txt/,
    );
    expect(filesIn(out)).toEqual(before);
  });

  test('a file in the place of the folder stays as it is', () => {
    writeFileSync(out, 'mine');
    expectOneLine(callCli(['prune', model, out, '--force']), 1, /out is a file: name a folder/);
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });

  test('a folder that cannot be there is an error', () => {
    const under = path.join(model, 'out');
    expectOneLine(callCli(['prune', model, under]), 1, /cannot be written: .*(ENOTDIR|EEXIST)/);
  });
});
