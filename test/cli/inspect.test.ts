import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {PNG} from 'pngjs';
import type {ModelInspection} from '../../src';
import {inspectModel, pruneArtifacts} from '../../src/graph';
import {callCli, callForJson, expectOneLine, smallClassifier, withModel, writeModel} from '../support/commandLine';
import {readModel} from '../support/realModels';

let folder: string;
let model: string;

const halfExpanded = () => pruneArtifacts(smallClassifier(), {n: 4, sparsity: 0.5, layers: ['expand']}).artifacts;
withModel(halfExpanded, (made) => ({folder, model} = made));

describe('blocksparse-1xn inspect', () => {
  test('prints what inspectModel says, and its sums, as one JSON object', () => {
    const args = ['--variant', 'simd128', '--input', 'image=2,12,12,3'];
    const {totals, ...rest} = callForJson<ModelInspection & {totals: object}>(['inspect', model, ...args]);
    const expected = inspectModel(readModel(model), {variant: 'simd128', inputShapes: {image: [2, 12, 12, 3]}});
    expect(rest).toEqual({model, ...JSON.parse(JSON.stringify(expected))});
    const sum = (key: 'weights' | 'zeros' | 'expectedMs') =>
      expected.layers.reduce((total, layer) => total + layer[key], 0);
    expect(totals).toEqual({weights: sum('weights'), zeros: sum('zeros'), expectedMs: sum('expectedMs')});
    expect(sum('zeros')).toBe(16 * 32 * 0.5);
  });

  test('prints a row for each layer and its sums for people', () => {
    const {stdout, status} = callCli(['inspect', model]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/expand\/1xn .*1×1×16×32 .* 50% .* 50% .* 50% .* 50% /);
    expect(stdout).toMatch(/stem .*3×3×3×16 .* 0% .* 100% /);
    expect(stdout).toMatch(/4 layers, \d+ weights, \d+\.\d% of them zero; expected \d+\.\d\d ms with relaxed kernels/);
  });
});

describe('blocksparse-1xn inspect --html', () => {
  const page = () => path.join(folder, 'page.html');

  test('draws each block of each layer, before and after', () => {
    const args = ['--html', page(), '--n', '2', '--sparsity', '0.5', '--layers', 'project', '--rearrange', 'none'];
    expect(callCli(['inspect', model, ...args, '--force']).status).toBe(0);
    const html = readFileSync(page(), 'utf8');
    const pictures = [...html.matchAll(/src="data:image\/png;base64,([^"]+)" alt="blocks of (\S+) (\w+)/g)].map(
      ([, data, name, when]) => ({name, when, png: PNG.sync.read(Buffer.from(data, 'base64'))}),
    );
    // Only what changed is drawn twice.
    expect(pictures.map(({name, when}) => [name, when])).toEqual([
      ['stem', 'as'],
      ['expand/1xn', 'as'],
      ['project', 'as'],
      ['project', 'afterwards'],
      ['logits', 'as'],
    ]);
    const [, expand, before, after] = pictures.map(({png}) => png);
    // Opaque somewhat where a block is: rows of N output channels, columns of input channels.
    const blocks = ({data}: PNG) => data.filter((value, i) => i % 4 === 3 && value > 0).length;
    expect([expand, before, after].map(({width, height}) => [width, height])).toEqual([
      [16, 16],
      [32, 8],
      [32, 8],
    ]);
    expect([expand, before, after].map(blocks)).toEqual([128, 256, 128]);
    expect(html).toContain('256 of 256 (100%) blocks → 128 of 256 (50%), ');
  });

  test('shows what rearranging alone does, and needs no other file', () => {
    const plain = writeModel(path.join(folder, 'plain'), smallClassifier());
    const {html} = callForJson<{html: string}>(['inspect', plain, '--html', page(), '--force']);
    expect(html).toBe(page());
    const text = readFileSync(page(), 'utf8');
    for (const layer of ['stem', 'expand', 'project', 'logits'])
      expect(text).toContain(`alt="blocks of ${layer} afterwards"`);
    expect(text).toContain('Nothing but zeros was dropped');
    expect(text).not.toMatch(/(src|href)="(?!data:)/);
    expect(text).not.toMatch(/<script|url\(/);
  });

  test('is the same for the same model and options', () => {
    callCli(['inspect', model, '--html', page(), '--force']);
    const first = readFileSync(page(), 'utf8');
    callCli(['inspect', model, '--html', page(), '--force']);
    expect(readFileSync(page(), 'utf8')).toBe(first);
  });

  test('escapes names of the model', () => {
    const artifacts = JSON.parse(JSON.stringify(smallClassifier()).replaceAll('"expand"', '"<b>&expand"'));
    const named = writeModel(path.join(folder, 'named'), {...artifacts, weightData: smallClassifier().weightData});
    expect(callCli(['inspect', named, '--html', page(), '--force']).status).toBe(0);
    const html = readFileSync(page(), 'utf8');
    expect(html).toContain('&lt;b&gt;&amp;expand');
    expect(html).not.toContain('<b>');
  });

  test('replaces a page with --force alone', () => {
    writeFileSync(page(), 'mine');
    expectOneLine(callCli(['inspect', model, '--html', page()]), 1, /page\.html is there already: .*--force/);
    expect(readFileSync(page(), 'utf8')).toBe('mine');
  });
});
