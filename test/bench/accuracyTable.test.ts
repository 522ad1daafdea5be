import {spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {writeColour, writeSmallClassifier} from './smallClassifier';

const SCRIPT = path.join(ROOT, 'benchmarks/accuracyTable.mjs');

let folder: string;
let row: (label: string, series: string | null, ...args: string[]) => object;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'accuracy-table-'));
  const images = path.join(folder, 'images');
  const colours = {'red.jpg': [230, 30, 30], 'green.jpg': [30, 220, 40], 'blue.jpg': [70, 20, 240]};
  for (const [name, colour] of Object.entries(colours)) writeColour(path.join(images, name), colour);
  const labels = path.join(folder, 'labels.txt');
  writeFileSync(labels, 'red.jpg 0\ngreen.jpg 1\nblue.jpg 2\n');
  const model = writeSmallClassifier(path.join(folder, 'classifier'));
  const usual = [
    '--model',
    model,
    '--images',
    images,
    '--labels',
    labels,
    '--mean',
    '0',
    '--std',
    '255',
    '--runs',
    '2',
  ];
  const blind = ['--n', '1', '--option', 'layers=["middle"]', '--rearrange', 'none'];
  row = (label, series, ...args) => {
    return {id: `colours: ${label}`, section: 'Colours | 8x8', label, series, args: [...usual, ...blind, ...args]};
  };
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** Where a test's plan, results and page lie. */
function files(name: string, rows: readonly object[]) {
  const [plan, out, page] = ['plan.json', 'out.json', 'PAGE.md'].map((end) => path.join(folder, `${name}-${end}`));
  writeFileSync(plan, JSON.stringify(rows));
  return {plan, out, page, flags: ['--plan', plan, '--out', out, '--page', page]};
}

function table(...args: string[]) {
  return spawnSync(process.execPath, [SCRIPT, ...args], {cwd: ROOT, encoding: 'utf8'});
}

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

describe('npm run accuracy:table', () => {
  test('measures every row, and writes a page with the figures, how they were measured, and a plot', () => {
    const rows = [
      row('all kept', 'N = 1', '--sparsity', '0'),
      row('blue gone', 'N = 1', '--sparsity', '0.778'),
      row('two gone', null, '--sparsity', '0.889'),
    ];
    const {out, page, flags} = files('whole', rows);
    const run = table(...flags);
    expect([run.status, run.status === 0 ? '' : run.stderr]).toEqual([0, '']);
    const plot = path.join(folder, 'whole-page-colours-8x8.svg');
    expect(run.stdout).toBe(`${page}\n${plot}\n`);

    const text = readFileSync(page, 'utf8');
    expect(text).toContain('## Colours | 8x8\n\nDense: 100.00 top-1, 100.00 top-5.');
    expect(text).toContain('![accuracy against time](whole-page-colours-8x8.svg)');
    expect(text).toMatch(/^\| blue gone \| 66\.7 \| 33\.3 \| 100\.0 \| 66\.7 \| .*\| 67% \(94%\) \| 67% \(96%\) \|/m);
    // Regressors' figures have no column where all rows are classifiers.
    expect(text).not.toMatch(/\| dB \|/);
    expect(text).toMatch(/^Measured \d{4}-\d\d-\d\d, .* cores, .*Node \d+.*, tfjs 4\.22\.0, \w+ kernels[.,]/m);
    expect(text).toMatch(
      /^- blue gone \(3 images, no samples, .*timed on 1 thread\): `npm run accuracy -- .*0\.778`$/m,
    );
    expect(text).toContain(`--option 'layers=["middle"]'`);
    expect(text).not.toMatch(/Not measured yet|Failed/);

    const svg = readFileSync(plot, 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/);
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toContain('>dense</text');
    expect(svg).not.toMatch(/NaN|undefined/);

    const again = table(...flags);
    expect(again.stderr.match(/: measured before/g)).toHaveLength(3);
    expect(readFileSync(page, 'utf8')).toBe(text);
    const entries = JSON.parse(readFileSync(out, 'utf8')).entries as {id: string; report: object}[];
    expect(entries.map(({id}) => id)).toEqual(['colours: all kept', 'colours: blue gone', 'colours: two gone']);
    expect(
      readFileSync(out, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"report"')),
    ).toHaveLength(3);
  });

  test('goes on after a row that fails, names it, exits with 1, and runs it again the next time', () => {
    const good = row('kept', null, '--sparsity', '0', '--runs', '0');
    const bad = row('broken', null, '--sparsity', '0', '--option', 'capp=1');
    const {out, page, flags} = files('failing', [bad, good]);
    const run = table(...flags);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("colours: broken: accuracy: Unknown prune option 'capp'");
    expect(lastLine(run.stderr)).toBe('accuracy:table: 1 of 2 rows failed and run again next time: colours: broken');
    expect(readFileSync(page, 'utf8')).toContain("Failed:\n\n- colours: broken: accuracy: Unknown prune option 'capp'");
    expect(readFileSync(page, 'utf8')).toContain('Not measured yet: 1 row of the plan.');

    const mended = {...bad, args: (bad as {args: string[]}).args.slice(0, -2)};
    writeFileSync(files('failing', [mended, good]).plan, JSON.stringify([mended, good]));
    const again = table(...flags);
    expect(again.status).toBe(0);
    expect(again.stderr).toContain('[2 of 2] colours: kept: measured before');
    expect(readFileSync(page, 'utf8')).not.toMatch(/Failed|Not measured/);
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({failures: [], entries: [{}, {}]});
  });

  test('measures only what --only names; a row of other arguments anew; with --fill nothing', () => {
    const rows = (sparsity: string) => [
      row('one', null, '--sparsity', sparsity, '--runs', '0'),
      row('two', null, '--sparsity', '0.778', '--runs', '0'),
    ];
    const {flags, page} = files('chosen', rows('0'));
    expect(table(...flags, '--list').stdout).toBe('colours: one\ncolours: two\n');
    expect(table(...flags, '--only', 'three').stderr).toContain('no row matches /three/');
    const nothing = table(...flags, '--fill');
    expect([nothing.status, lastLine(nothing.stderr)]).toEqual([1, expect.stringContaining('there are no results')]);

    expect(table(...flags, '--only', 'one$').status).toBe(0);
    const before = readFileSync(page, 'utf8');
    expect(before).toContain('Not measured yet: 1 row of the plan.');
    expect(before).not.toContain('| ms, dense');
    writeFileSync(page, 'overwritten');
    const filled = table(...flags, '--fill');
    expect([filled.status, filled.stderr]).toEqual([0, '']);
    expect(readFileSync(page, 'utf8')).toBe(before);

    expect(table(...flags, '--only', 'one$', '--again').stderr).not.toContain('measured before');
    files('chosen', rows('0.889'));
    const changed = table(...flags, '--only', 'one$');
    expect([changed.status, changed.stderr.includes('measured before')]).toEqual([0, false]);
    expect(readFileSync(page, 'utf8')).toMatch(/\| one \| 33\.3 \|/);
  });

  test('keeps what it has when it is interrupted, and names the row', async () => {
    const rows = [
      row('quick', null, '--sparsity', '0', '--runs', '0'),
      row('endless', null, '--sparsity', '0', '--runs', '100000000'),
      row('never begun', null, '--sparsity', '0'),
    ];
    const {out, flags} = files('interrupted', rows);
    const child = spawn(process.execPath, [SCRIPT, ...flags], {cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe']});
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (!stderr.includes('run 1 of 1') && (stderr + text).includes('run 1 of 1')) child.kill('SIGINT');
      stderr += text;
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect(status).toBe(1);
    expect(stderr).toContain('colours: endless: interrupted');
    expect(stderr).not.toContain('[3 of 3]');
    expect(lastLine(stderr)).toContain('1 of 3 rows failed and run again next time: colours: endless');
    const {entries, failures} = JSON.parse(readFileSync(out, 'utf8'));
    expect(entries).toMatchObject([{id: 'colours: quick'}]);
    expect(failures).toEqual([]);
  });

  test.each<[string, string[], RegExp]>([
    ['an unknown flag', ['--fast'], /unknown option '--fast'/],
    ['a pattern that is none', ['--only', '('], /Invalid regular expression/],
    ['a plan that is none', ['--plan', 'package.json'], /--plan: package\.json is no list of rows/],
    ['results that are none', ['--only', 'V2', '--out', 'package.json'], /package\.json is no file of results/],
  ])('answers a mistake with one line and exit 1: %s', (_, args, message) => {
    const run = table(...args);
    expect(run.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
    expect([run.stdout, run.status]).toEqual(['', 1]);
  });

  test('plans every model of the issue, each N and share, and patterns beside them, under names of their own', () => {
    const {stdout, status} = table('--list');
    expect(status).toBe(0);
    const names = stdout.trimEnd().split('\n');
    expect(new Set(names).size).toBe(names.length);
    for (const model of ['MobileNetV2', 'MobileNetV1', 'MobileNetEdgeTPU 0.75']) {
      for (const n of [1, 2, 4, 'auto']) {
        for (const share of ['25%', '37.5%', '50%']) {
          expect(names).toContain(`${model}: N = ${n}, ${share} of the multiply-adds, repaired`);
        }
      }
    }
    for (const how of ['not repaired', 'repaired']) {
      for (const pattern of ['single weights', 'kernels', 'filters', 'N = 4']) {
        expect(names).toContain(`MobileNetV2: ${pattern}, half of each layer, ${how}`);
      }
    }
    expect(names).toContain('MobileNetV2: N = 4 at random, half of each layer, not repaired');
    expect(names).toContain('centernet: N = 2, 50% of the weights, repaired');
    expect(names).toContain('super-resolution x2: N = 2, 50% of the weights, repaired');
  });

  test('every planned row is a command line that npm run accuracy takes', () => {
    const data = {images: 'images', labels: 'labels', calibration: 'calibration', samples: 9};
    const rows = callBenchmarkModule<{args: string[]}[]>('accuracyPlan.mjs', 'planAccuracy', data);
    const parsed = ['MobileNetEdgeTPU', 'single weights', 'centernet', 'super-resolution'].map((name) => {
      const {args} = rows.find((entry) => (entry as unknown as {id: string}).id.includes(name))!;
      return callBenchmarkModule<{repair: string; samples: number | null}>(
        'accuracyOptions.mjs',
        'parseAccuracyOptions',
        args,
      );
    });
    expect(parsed).toMatchObject([
      {repair: 'closed', samples: 9, mean: [123], std: [86.43042], n: 1, allocation: 'macs', sparsity: 0.25},
      {repair: 'none', pattern: 'weight', allocation: 'uniform', sparsity: 0.5},
      {repair: 'none', outputs: ['tower_0/wh', 'tower_0/keypoints'], count: 200, n: 2, allocation: 'weights'},
      {repair: 'none', size: [112, 112], mean: [0], std: [1]},
    ]);
  });
});

test('ticksBetween gives round numbers around what is to be shown', () => {
  const ticks = (...args: number[]) => callBenchmarkModule<number[]>('htmlCharts.mjs', 'ticksBetween', ...args);
  expect(ticks(66.3, 78.9, 7)).toEqual([66, 68, 70, 72, 74, 76, 78, 80]);
  expect(ticks(48, 83, 4)).toEqual([40, 50, 60, 70, 80, 90]);
  expect(ticks(-0.2, 0.3, 5)).toEqual([-0.2, -0.1, 0, 0.1, 0.2, 0.3]);
  const single = ticks(78, 78, 5);
  expect(single[0]).toBeLessThanOrEqual(78);
  expect(single.at(-1)).toBeGreaterThan(single[0]);
});

test('the page that is committed, if any, is the one that its results give', () => {
  const page = path.join(ROOT, 'benchmarks/ACCURACY.md');
  if (!existsSync(page)) return;
  const before = readFileSync(page, 'utf8');
  const copy = path.join(folder, 'ACCURACY.md');
  expect(table('--fill', '--page', copy).status).toBe(0);
  expect(readFileSync(copy, 'utf8')).toBe(before);
});
