import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {writeColour, writeSmallClassifier} from './smallClassifier';
import {writeSmallLayersModel, writeSmallModel} from './smallModel';

/** A blue image has more red than green: a classifier that is blind for blue calls it red. */
const IMAGES: Record<string, readonly [colour: readonly number[], label: number]> = {
  'red-1.jpg': [[230, 30, 30], 0],
  'red-2.jpeg': [[180, 60, 20], 0],
  'green-1.JPEG': [[30, 220, 40], 1],
  'green-2.jpg': [[10, 150, 90], 1],
  'green-called-red.jpg': [[20, 200, 20], 0],
  'blue-1.jpg': [[70, 20, 240], 2],
  'blue-2.jpg': [[90, 40, 200], 2],
  'blue-3.jpg': [[60, 10, 255], 2],
};

let folder: string;
let images: string;
let labels: string;
let model: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'accuracy-'));
  images = path.join(folder, 'images');
  labels = path.join(folder, 'labels.txt');
  for (const [name, [colour]] of Object.entries(IMAGES)) writeColour(path.join(images, name), colour);
  const lines = Object.entries(IMAGES).map(([name, [, label]]) => `${name} ${label}\n`);
  writeFileSync(labels, lines.join(''));
  writeFileSync(path.join(images, 'README'), 'no image');
  model = writeSmallClassifier(path.join(folder, 'classifier'));
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

function accuracy(...args: string[]) {
  return spawnSync(process.execPath, [path.join(ROOT, 'benchmarks/accuracy.mjs'), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });
}

/** The report of a run that has to succeed. */
function report(...args: string[]) {
  const run = accuracy('--mean', '0', '--std', '255', ...args, '--json');
  expect([run.status, run.status === 0 ? '' : run.stderr]).toEqual([0, '']);
  return JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!);
}

const usual = () => ['--model', model, '--images', images, '--labels', labels];
/** Blocks of `middle` are 9 with N = 1, of which 6 are zero: with 7 gone blue is. */
const BLIND = ['--n', '1', '--sparsity', '0.778', '--option', 'layers=["middle"]', '--rearrange', 'none'];

describe('npm run accuracy answers a mistake with one line and exit 1:', () => {
  test.each<[string, (args: string[]) => string[], RegExp]>([
    ['no model', () => [], /required option '--model <path\|name>' not specified/],
    ['no images', () => ['--model', model], /required option '--images <folder>' not specified/],
    ['an unknown flag', (args) => [...args, '--fast'], /unknown option '--fast'/],
    ['an unknown repair', (args) => [...args, '--repair', 'glue'], /Give none, closed or distill/],
    ['an unknown allocation', (args) => [...args, '--allocation', 'macs,'], /Give uniform, macs, weights or latency/],
    ['an unknown block height', (args) => [...args, '--n', '3'], /1, 2, 4, 8, 16, 32/],
    [
      'repair without samples',
      (args) => [...args, '--repair', 'closed'],
      /--repair closed learns from samples: .*--calib/,
    ],
    ['samples of nothing', (args) => [...args, '--samples', '3'], /--samples counts images of --calibration/],
    ['blocks of a pattern without', (args) => [...args, '--n', '4', '--pattern', 'weight'], /--pattern is weight/],
    ['a mean of two channels', (args) => [...args, '--mean', '1,2'], /a number, or one a channel/],
    ['a division by zero', (args) => [...args, '--std', '0'], /cannot be divided|be divided by 0/],
    ['an option without JSON', (args) => [...args, '--option', 'cap=high'], /a name and a value in JSON/],
    ['an option without value', (args) => [...args, '--option', 'cap'], /a name and a value in JSON/],
    ['an option that does not exist', (args) => [...args, '--option', 'capp=1'], /Unknown prune option 'capp'/],
    ['images that are not there', (args) => [...args, '--images', 'nowhere'], /--images: there is no folder .*nowhere/],
    ['a folder without images', (args) => [...args, '--images', 'src'], /--images: .*src has no JPEG images/],
    [
      'labels that are not there',
      (args) => [...args, '--labels', 'none.txt'],
      /--labels: there is no file .*none\.txt/,
    ],
    ['calibration that is not there', (args) => [...args, '--calibration', 'no'], /--calibration: there is no folder/],
    ['too few samples', (args) => [...args, '--calibration', images, '--samples', '9'], /has 8 images, not 9/],
    ['a model that is not there', (args) => [...args, '--model', 'none'], /no model none: give the path/],
  ])('%s', (_, args, message) => {
    const run = accuracy(...args(usual()));
    expect(run.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
    expect(run.stdout).toBe('');
    expect(run.status).toBe(1);
  });

  test('lines of labels that are none, images that are missing, classes that the model lacks', () => {
    const wrong = path.join(folder, 'wrong.txt');
    const run = (lines: string) => {
      writeFileSync(wrong, lines);
      const {status, stderr} = accuracy(...usual(), '--labels', wrong, '--runs', '0');
      return [status, stderr.trimEnd().split('\n').at(-1)];
    };
    expect(run('red-1.jpg 0\nred-2.jpeg red\n')).toEqual([1, expect.stringContaining('wrong.txt:2 is not a line')]);
    expect(run('red-1.jpg 1000\n')).toEqual([1, expect.stringContaining('a class from 0 to 999')]);
    expect(run('\n')).toEqual([1, expect.stringContaining('has no lines "file class"')]);
    expect(run('pink.jpg 0\n')).toEqual([1, expect.stringContaining('lacks pink.jpg, which wrong.txt names')]);
    expect(run('red-1.jpg 3\n')).toEqual([1, expect.stringContaining('class 3, but output classes has only 3 scores')]);
  });

  test('labels for a model that is no classifier', () => {
    const layers = writeSmallLayersModel(path.join(folder, 'layers'));
    const run = accuracy(...usual(), '--model', layers, '--size', '8,8', '--sparsity', '0', '--runs', '0');
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/--labels: no output has a score a class, .*\[1,16,16,3\]; leave --labels out/);
  });

  test('outputs whose size hangs on the image', () => {
    const where = path.join(folder, 'where');
    mkdirSync(where);
    const args = ['--model', writeSmallModel(where), '--images', images, '--runs', '0', '--sparsity', '0.5'];
    const run = accuracy(...args, '--option', 'layers=["conv"]');
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(
      /output places has \d+ values of the dense model and \d+ of the pruned one: .*--outputs/,
    );
    expect(accuracy(...args, '--option', 'layers=["conv"]', '--outputs', 'relu').status).toBe(0);
  });

  test('an image that is no JPEG', () => {
    const broken = path.join(folder, 'broken');
    mkdirSync(broken);
    writeFileSync(path.join(broken, 'a.jpg'), 'image?');
    const run = accuracy('--model', model, '--images', broken, '--runs', '0');
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/accuracy: cannot decode .*a\.jpg: /);
  });
});

test('npm run accuracy -- --help shows flags and examples, and exits with 0', () => {
  const run = accuracy('--help');
  expect(run.status).toBe(0);
  expect(run.stdout).toContain('--calibration <folder>');
  expect(run.stdout).toContain('npm run accuracy -- --model');
});

describe('npm run accuracy on a made-up classifier of colours', () => {
  test('finds what an untouched one gets right, and no difference', () => {
    const {dense, pruned, kept, keptOfAll, speedup, repair, seconds, peakBytes, about} = report(
      ...[...usual(), '--sparsity', '0', '--runs', '2', '--threads', '1'],
    );
    expect(dense).toEqual({top1: 87.5, top5: 100, n: 8});
    expect(pruned).toMatchObject({top1: 87.5, top5: 100, agreement: 100});
    expect(pruned.kl).toBeLessThan(1e-6);
    expect(pruned.relativeError).toBeLessThan(1e-10);
    expect(kept).toEqual({macs: 1, weights: 1});
    expect(keptOfAll).toEqual({macs: 1, weights: 1});
    expect(repair).toBeNull();
    expect(seconds).toBeGreaterThan(0);
    expect(peakBytes).toBeGreaterThan(30e6);
    expect(speedup).toMatchObject({threads: 1, runs: 2});
    expect(speedup.measured).toBeCloseTo(speedup.denseMs / speedup.prunedMs, 9);
    expect(speedup.stock).toBeCloseTo(speedup.stockMs / speedup.prunedMs, 9);
    expect(about).toMatchObject({model, samples: 0, options: {repair: 'none', sparsity: 0}});
    expect(about.date).toMatch(/^\d{4}-\d\d-\d\d$/);
  });

  test('finds that one pruned of its blue channel calls blue images red', () => {
    const {dense, pruned, kept, keptOfAll, speedup} = report(...usual(), ...BLIND, '--runs', '0');
    expect(dense.top1).toBe(87.5);
    expect(pruned).toMatchObject({top1: 50, top5: 100, agreement: 62.5});
    expect(pruned.kl).toBeGreaterThan(1);
    expect(pruned.relativeError).toBeGreaterThan(0.1);
    expect(pruned.decibels).toBeLessThan(20);
    // Of the three weights of `middle` two stay; the others count 64 times 9, twice, and 9 multiply-adds.
    expect(kept).toEqual({macs: 2 / 3, weights: 2 / 3});
    expect(keptOfAll.macs).toBeCloseTo(1 - 64 / (2 * 64 * 9 + 9), 9);
    expect(keptOfAll.weights).toBeCloseTo(1 - 1 / 27, 9);
    expect(speedup).toBeNull();
  });

  test('counts with a budget all layers that it may take from, those that it leaves alone, too', () => {
    const layer = (leftAlone: string | null, after: number) => {
      return {leftAlone, macsBefore: 100, macsAfter: after, weightsBefore: 10, weightsAfter: after / 10};
    };
    const layers = [
      layer(null, 40),
      layer('the budget takes nothing from it', 100),
      layer('it is the classifier', 100),
    ];
    const whole = {macs: 400, weights: 40};
    const budget = {macsBefore: 200, macsAfter: 140, weightsBefore: 20, weightsAfter: 14};
    const kept = (totals: object) => callBenchmarkModule('accuracyRun.mjs', 'keptShares', {layers, totals}, whole);
    const keptOfAll = {macs: 0.85, weights: 0.85};
    expect(kept({budget})).toEqual({kept: {macs: 0.7, weights: 0.7}, keptOfAll});
    expect(kept({budget: null})).toEqual({kept: {macs: 0.4, weights: 0.4}, keptOfAll});
  });

  test('takes all images, and says nothing of accuracy, without labels', () => {
    const {dense, pruned} = report('--model', model, '--images', images, ...BLIND, '--runs', '0', '--count', '7');
    expect(dense).toEqual({top1: null, top5: null, n: 7});
    // By name, blue images come first, and red-2 is left out.
    expect(pruned).toMatchObject({top1: null, top5: null, agreement: expect.closeTo((100 * 4) / 7, 9)});
  });

  test('feeds what --mean and --std say', () => {
    // Of negatives ReLU leaves nothing: all classes are alike, and the first counts as the answer.
    const {dense} = report(...usual(), '--sparsity', '0', '--runs', '0', '--mean', '255,255,255');
    expect(dense.top1).toBe(37.5);
  });

  test('compares the nodes that --outputs names, and prints a table without --json', () => {
    const args = [...usual().slice(0, 4), ...BLIND, '--runs', '1', '--outputs', 'mean'];
    const {pruned} = report(...args);
    expect(pruned).toMatchObject({agreement: null, kl: null});
    expect(pruned.relativeError).toBeGreaterThan(0.01);
    const run = accuracy(...args);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/of the layers that may be pruned: 66\.7% of the multiply-adds/);
    expect(run.stdout).toMatch(/dense \d+\.\d\d ms, pruned \d+\.\d\d ms: \d+\.\d\dx/);
  });

  test('passes --option on', () => {
    const {about} = report(...usual(), '--sparsity', '0.5', '--runs', '0', '--option', 'rearrange="search"');
    expect(about.options.extra).toEqual({rearrange: 'search'});
  });
});

test('npm run accuracy repairs by the samples of --calibration, and reports what that gained', () => {
  const samples = path.join(folder, 'samples');
  for (let i = 0; i < 40; i++) {
    const [red, green] = [(37 * i) % 200, (91 * i) % 200];
    // Blue follows from red and green: what goes with a weight can be made up for by others.
    writeColour(path.join(samples, `${100 + i}.jpg`), [red, green, 255 - (red + green) / 2]);
  }
  const mixing = writeSmallClassifier(path.join(folder, 'mixing'), [4, 1, 0.9, 1.2, 2, 0.8, 0.7, 0.6, 1]);
  const pruning = ['--n', '1', '--sparsity', '0.34', '--option', 'layers=["middle"]', '--rearrange', 'none'];
  const args = ['--model', mixing, '--images', samples, ...pruning, '--runs', '0'];
  const learning = ['--calibration', samples, '--samples', '36'];
  const none = report(...args, ...learning, '--repair', 'none');
  const closed = report(...args, ...learning);
  expect(none).toMatchObject({repair: null, about: {samples: 0}});
  expect(closed).toMatchObject({repair: {method: 'closed', samplesFit: 20, samplesKeptOut: 16}, about: {samples: 36}});
  expect(closed.repair.stages.map(({name}: {name: string}) => name)).toContain('closed');
  expect(String(closed.repair.warnings)).not.toContain('gradient');
  expect(closed.kept).toEqual(none.kept);
  expect(closed.pruned.kl).toBeLessThan(none.pruned.kl / 2);

  const told = accuracy('--mean', '0', '--std', '255', ...args, ...learning);
  expect(told.status).toBe(0);
  expect(told.stderr).toMatch(/mixing.*: .*: \d+%/);
  expect(told.stdout).toContain('with 36 samples');
});

test('npm run accuracy prunes a layers model of open size, and gives decibels', () => {
  const layers = writeSmallLayersModel(path.join(folder, 'upscaler'));
  const args = ['--model', layers, '--images', images, '--size', '9,10', '--runs', '1', '--sparsity', '0.5'];
  const {dense, pruned, kept} = report(...args, '--option', 'layers=["conv"]');
  expect(dense).toEqual({top1: null, top5: null, n: 8});
  expect(pruned).toMatchObject({agreement: null, kl: null});
  expect(pruned.decibels).toBeGreaterThan(0);
  expect(pruned.decibels).toBeLessThan(60);
  // The sketch of a model of open size does not tell pixels.
  expect(kept).toEqual({macs: null, weights: expect.closeTo(4 / 9, 9)});
});

describe('decodeJpeg gives what libjpeg gives, with chroma', () => {
  /** Images of 11x10 that Pillow has written, and what it reads of rows 0, 4 and 9 at columns 0, 1, 5, 6 and 10. */
  test.each<[string, string, number[][]]>([
    [
      'at full resolution',
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAKAAsDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EACUQAAADBgYDAAAAAAAAAAAAAAADBAECBgcjJBQiMTNBUVKSof/EABgBAQADAQAAAAAAAAAAAAAAAAgFBgcJ/8QAJREAAAUCBAcAAAAAAAAAAAAAAAIDBiIBBAchMkETFCMkMVGR/9oADAMBAAIRAxEAPwAng2Q23b/BuTtxB1TEIxnXokFpJIa2Lt+OgXrrEHrGmGZZuvtyS2DJBqYnJSc9WCqO1VSUq/RyqYxzQzC2kTE4Yuk5p4sBdulVOMaVfPsM2zOblyZ7D//Z',
      [
        [1, 2, 253],
        [21, 2, 244],
        [113, 2, 193],
        [140, 1, 180],
        [231, 0, 138],
        [2, 100, 207],
        [21, 99, 197],
        [113, 99, 148],
        [141, 99, 135],
        [231, 98, 93],
        [5, 223, 145],
        [24, 222, 135],
        [117, 224, 86],
        [144, 223, 72],
        [236, 222, 25],
      ],
    ],
    [
      'halved along x',
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAKAAsDASEAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EACUQAAADBgYDAAAAAAAAAAAAAAADBAECBgcjJBQiMTNBUVKSof/EABYBAQEBAAAAAAAAAAAAAAAAAAgGB//EACERAAAEBQUAAAAAAAAAAAAAAAABBzICAwYxQRQVJCVR/9oADAMBAAIRAxEAPwAng2Q23b/AtJJDWxdvx0KJQlB5z8jS0rqvrnYIMkGpiclJz1YFtImJwxdJzTxYBkoU2ZrnHf0HdK44tuvgh//Z',
      [
        [8, 0, 246],
        [22, 1, 242],
        [114, 2, 192],
        [135, 4, 182],
        [224, 3, 143],
        [9, 98, 200],
        [23, 99, 195],
        [116, 98, 146],
        [137, 102, 135],
        [224, 101, 96],
        [13, 221, 137],
        [27, 221, 134],
        [120, 222, 84],
        [140, 225, 72],
        [228, 225, 34],
      ],
    ],
    [
      'halved along both axes',
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAKAAsDASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAB//EACUQAAADBgYDAAAAAAAAAAAAAAADBAECBgcjJBQiMTNBUVKSof/EABUBAQEAAAAAAAAAAAAAAAAAAAQG/8QAHREAAAUFAAAAAAAAAAAAAAAAAAUHMUEBBhQVUf/aAAwDAQACEQMRAD8AJ4NkNt2/wLSSQ1sXb8dBkg1MTkpOerAtpExOGLpOaeLBAqEpxznPPQxK70Mdc8Ukf//Z',
      [
        [3, 4, 232],
        [18, 6, 228],
        [110, 6, 177],
        [132, 7, 169],
        [220, 8, 129],
        [9, 98, 198],
        [21, 100, 193],
        [113, 100, 143],
        [136, 103, 134],
        [223, 102, 94],
        [16, 216, 154],
        [30, 217, 149],
        [121, 219, 100],
        [144, 219, 92],
        [231, 220, 52],
      ],
    ],
  ])('%s', (_, base64, expected) => {
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
    const image = callBenchmarkModule<{width: number; height: number; data: Uint8Array}>(
      'accuracyJpeg.mjs',
      'decodeJpeg',
      bytes,
    );
    expect([image.width, image.height]).toEqual([11, 10]);
    const places = [0, 4, 9].flatMap((y) => [0, 1, 5, 6, 10].map((x) => 3 * (11 * y + x)));
    const errors = places.flatMap((at, i) => expected[i].map((value, c) => image.data[at + c] - value));
    expect(Math.max(...errors.map(Math.abs))).toBeLessThanOrEqual(3);
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(Math.abs(mean)).toBeLessThan(0.5);
  });
});

test('inputValues gives each channel its mean and std, rounds integers, and weighs colours for grey', () => {
  const values = (form: object) =>
    callBenchmarkModule<ArrayLike<number>>('accuracyImages.mjs', 'inputValues', Uint8Array.of(10, 20, 30, 255, 0, 7), {
      ...{mean: [0], std: [1], channels: 3, dtype: 'float32'},
      ...form,
    });
  expect(values({mean: [10, 0, 10], std: [1, 2, 4]})).toEqual(Float32Array.of(0, 10, 5, 245, 0, -0.75));
  expect(values({std: [2], dtype: 'int32'})).toEqual(Int32Array.of(5, 10, 15, 128, 0, 4));
  const [first, second] = Array.from(values({channels: 1}));
  expect(first).toBeCloseTo(0.299 * 10 + 0.587 * 20 + 0.114 * 30, 4);
  expect(second).toBeCloseTo(0.299 * 255 + 0.114 * 7, 4);
});

describe('resizeImage, as Pillow does it,', () => {
  const row = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, 255 - value, 7]));
  const reds = (pixels: Uint8Array) => [...pixels].filter((_, i) => i % 3 === 0);
  const resize = (pixels: Uint8Array, from: number[], to: number[]) =>
    Uint8Array.from(callBenchmarkModule<Uint8Array>('accuracyResize.mjs', 'resizeImage', pixels, from, to));

  test('interpolates where an image grows', () => {
    expect(reds(resize(row(0, 255), [1, 2], [1, 4]))).toEqual([0, 64, 191, 255]);
    expect(reds(resize(row(0, 255), [2, 1], [4, 1]))).toEqual([0, 64, 191, 255]);
  });

  test('averages where it shrinks, so that nothing aliases', () => {
    expect(reds(resize(row(0, 0, 255, 255), [1, 4], [1, 2]))).toEqual([36, 219]);
    const stripes = row(...Array.from({length: 64}, (_, i) => 255 * (i % 2)));
    for (const grey of reds(resize(stripes, [1, 64], [1, 8])).slice(1, -1))
      expect(Math.abs(grey - 127.5)).toBeLessThan(1);
  });

  test('keeps channels apart, a constant as it is, and an image of the right size untouched', () => {
    const pixels = resize(row(...Array(35).fill(9)), [5, 7], [3, 11]);
    expect(pixels).toEqual(row(...Array(33).fill(9)));
    expect(resize(row(1, 2, 3), [1, 3], [1, 3])).toEqual(row(1, 2, 3));
  });
});

describe('scoreAnswers', () => {
  const output = (shape: number[], ...data: number[]) => ({name: 'scores', shape, data: Float32Array.from(data)});
  const score = (answers: {dense: number[]; pruned: number[]; label?: number | null; shape?: number[]}[]) =>
    callBenchmarkModule<{dense: object; pruned: Record<string, number | null>}>(
      'accuracyScores.mjs',
      'scoreAnswers',
      answers.map(({dense, pruned, label = null, shape = [1, dense.length]}) => {
        return {dense: [output(shape, ...dense)], pruned: [output(shape, ...pruned)], label};
      }),
    );

  test('shifts labels by the class of background of models with 1001 outputs', () => {
    const oneHot = (at: number) => Array.from({length: 1001}, (_, i) => (i === at ? 1 : 0));
    const {dense, pruned} = score([{dense: oneHot(8), pruned: oneHot(7), label: 7}]);
    expect(dense).toMatchObject({top1: 100});
    expect(pruned).toMatchObject({top1: 0, agreement: 0});
  });

  test('takes logits of a model with labels for scores of classes', () => {
    const {pruned} = score([{dense: [0, 2], pruned: [0, 0], label: 1}]);
    const [p, q] = [1 / (1 + Math.exp(2)), 0.5];
    expect(pruned).toMatchObject({top1: 0, agreement: 0});
    expect(pruned.kl).toBeCloseTo(p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / q), 6);
  });

  test('counts the five highest scores, of equal ones the first', () => {
    const ranks = (data: number[], label: number) => score([{dense: data, pruned: data, label}]).dense;
    expect(ranks([9, 8, 7, 6, 5, 4], 4)).toMatchObject({top1: 0, top5: 100});
    expect(ranks([9, 8, 7, 6, 5, 4], 5)).toMatchObject({top1: 0, top5: 0});
    expect(ranks([1, 1, 1, 1, 1, 1], 0)).toMatchObject({top1: 100});
    expect(ranks([1, 1, 1, 1, 1, 1], 5)).toMatchObject({top1: 0, top5: 0});
    expect(ranks([NaN, 1], 0)).toMatchObject({top1: 0, top5: 0});
  });

  test('gives errors over variance and decibels over the range, over all images', () => {
    const {pruned} = score([
      {dense: [0, 4], pruned: [1, 4], shape: [1, 2, 1]},
      {dense: [2, 2], pruned: [2, 2], shape: [1, 2, 1]},
    ]);
    expect(pruned).toMatchObject({agreement: null, kl: null});
    expect(pruned.relativeError).toBeCloseTo(1 / 8, 12);
    expect(pruned.decibels).toBeCloseTo(10 * Math.log10(16 / 0.25), 9);
  });

  test('measures what never changes against its size', () => {
    const {pruned} = score([{dense: [2, 2], pruned: [2, 3], shape: [1, 2, 1]}]);
    expect(pruned.relativeError).toBeCloseTo(1 / 8, 12);
    expect(score([{dense: [2, 2], pruned: [2, 2], shape: [1, 2, 1]}]).pruned).toMatchObject({
      relativeError: 0,
      decibels: null,
    });
  });
});
