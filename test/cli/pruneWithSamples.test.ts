// What `prune --calibration` hands to the library and prints of its report. The library is played here: what it makes of
// samples is another test's matter.
import {once} from 'node:events';
import {existsSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import type {OutputQuality, RepairReport} from '../../src';
import {
  callCli,
  callForJson,
  expectOneLine,
  filesIn,
  smallClassifier,
  startCli,
  withModel,
  writeModel,
  type CallOptions,
} from '../support/commandLine';
import {picture, writePng} from './calibration/sampleImages';

const LIBRARY = pathToFileURL(path.resolve(__dirname, '../../dist/index.mjs')).href;
const CORE = pathToFileURL(require.resolve('@tensorflow/tfjs-core')).href;
const SAMPLES = 10;

const quality = (agreement: number | null, accuracy: number | null): OutputQuality => ({
  agreement,
  kl: agreement === null ? null : 0.12345,
  relativeError: 0.0456,
  decibels: agreement === 1 ? Infinity : 31.26,
  accuracy,
});

const report = (isClassifier: boolean): RepairReport => {
  const of = (agreement: number, accuracy: number) =>
    isClassifier ? quality(agreement, accuracy) : quality(null, null);
  return {
    method: 'distill',
    samplesFit: 8,
    samplesKeptOut: 2,
    stages: [
      {name: 'dense', keptOut: of(1, 0.8), fit: of(1, 0.75)},
      {name: 'pruned', keptOut: of(0.125, 0.1), fit: of(0.25, 0.2)},
      {name: 'closed', keptOut: of(0.985, 0.7), fit: of(0.995, 0.6)},
    ],
    distillationKept: false,
    layers: [{name: 'expand', relativeError: 0.01}],
    warnings: ['more samples are the cure'],
    seconds: 12.3,
  };
};

/** As source: JSON has no Infinity. */
const literal = (value: object) => JSON.stringify(value).replaceAll('"decibels":null', '"decibels":Infinity');

let [folder, model, out, images] = ['', '', '', ''];

withModel(
  smallClassifier,
  (made) => {
    ({folder, model} = made);
    out = path.join(folder, 'out');
    images = path.join(folder, 'images');
    mkdirSync(images);
    for (let i = 0; i < SAMPLES; i++) writePng(path.join(images, `${i}.png`), picture(20, 16, i));
  },
  [beforeEach, afterEach],
);

/** Has the command line import a library whose `pruneGraphModel` is `body`, a function of `(artifacts, options)`. */
function withLibrary(body: string): CallOptions {
  const write = (name: string, source: string) => {
    const file = path.join(folder, name);
    writeFileSync(file, source);
    return pathToFileURL(file).href;
  };
  const fake = write(
    'library.mjs',
    `import {pruneGraphModel as prune} from '${LIBRARY}';
    import {getBackend} from '${CORE}';
    export * from '${LIBRARY}';
    export async function pruneGraphModel(artifacts, given) {
      const {calibration, labels, repair, maxDrop, onProgress, signal, ...options} = given;
      ${body}
    }`,
  );
  const hooks = write(
    'hooks.mjs',
    `export const resolve = (name, context, next) =>
      name === './index.mjs' && context.parentURL.endsWith('cli.mjs')
        ? {url: '${fake}', shortCircuit: true}
        : next(name, context);`,
  );
  return {node: ['--import', write('start.mjs', `import {register} from 'node:module'; register('${hooks}');`)]};
}

/** The library prunes without samples, but reads them twice and adds a report, with what it was given as \`layers\`. */
const measuring = (isClassifier = true) =>
  withLibrary(`
    const result = await prune(artifacts, options);
    const passes = [];
    for (let i = 0; i < 2; i++) {
      const pass = {samples: 0, low: Infinity, high: -Infinity, shapes: []};
      for await (const batch of calibration()) {
        pass.samples += batch.shape[0];
        pass.shapes.push(batch.shape);
        const values = await batch.data();
        pass.low = Math.min(pass.low, ...values);
        pass.high = Math.max(pass.high, ...values);
        batch.dispose();
      }
      passes.push(pass);
      onProgress({stage: 'reading ' + i, done: i, secondsLeft: i === 0 ? Infinity : 59.1});
    }
    const seen = {passes, labels: labels && [...labels], repair, maxDrop, backend: getBackend(), aborted: signal.aborted};
    return {...result, report: {...result.report, repair: {...${literal(report(isClassifier))}, seen}}};
  `);

describe('blocksparse-1xn prune --calibration', () => {
  test('hands the samples and all that goes with them to the library, and its report to --json', () => {
    const labels = path.join(folder, 'labels.txt');
    writeFileSync(labels, Array.from({length: SAMPLES}, (_, i) => `${i}.png ${i}`).join('\n'));
    const {report: printed, options} = callForJson<{
      report: {repair: RepairReport & {seen: object}};
      options: object;
    }>(
      [
        ...[
          'prune',
          model,
          out,
          '--calibration',
          images,
          '--range',
          '-1,1',
          '--crop',
          '--size',
          '12',
          '--samples',
          '9',
        ],
        ...['--labels', labels, '--label-offset', '1', '--repair', 'distill', '--max-drop', 'relativeError=0.02'],
      ],
      measuring(),
    );
    const {seen, ...repair} = printed.repair;
    expect(repair).toEqual(JSON.parse(JSON.stringify(report(true))));
    const pass = {
      samples: 9,
      shapes: [
        [8, 12, 12, 3],
        [1, 12, 12, 3],
      ],
    };
    expect(seen).toMatchObject({
      passes: [pass, pass],
      labels: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      repair: 'distill',
      maxDrop: {relativeError: 0.02},
      backend: 'blocksparse-1xn',
      aborted: false,
    });
    const {low, high} = (seen as {passes: {low: number; high: number}[]}).passes[0];
    expect([low, high].every((value) => Math.abs(value) <= 1 && Math.abs(value) > 0.5)).toBe(true);
    expect(options).toEqual({
      n: 4,
      sparsity: 0.5,
      criterion: 'l1',
      seed: 0,
      calibration: images,
      samples: 9,
      size: {width: 12, height: 12},
      crop: true,
      range: [-1, 1],
      labels,
      labelOffset: 1,
      repair: 'distill',
      maxDrop: {relativeError: 0.02},
    });
    expect(readdirSync(out).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
  });

  test('prints a row for each stage, what was done, and warnings on stderr', () => {
    const {stdout, stderr, status} = callCli(['prune', model, out, '--calibration', images], measuring());
    expect(status).toBe(0);
    expect(stdout).toMatch(/stage +│ samples +│ agreement │ +KL │ relative error │ +dB │ accuracy/);
    expect(stdout).toMatch(/dense +│ kept out +│ +100\.0% │ +0\.123 │ +0\.0456 │ +∞ │ +80\.0% /);
    expect(stdout).toMatch(/│ +│ of the fit +│ +99\.5% │ .* 31\.3 │ +60\.0% /);
    expect(stdout).toMatch(/on 2 samples that were kept out of every fit and as many of the 8 others; 12 s\n/);
    expect(stdout).toContain('Distillation gained nothing');
    expect(stderr).toBe('blocksparse-1xn: warning: more samples are the cure\n');
  });

  test('leaves out what models have not that tell no classes', () => {
    const {stdout} = callCli(['prune', model, out, '--calibration', images], measuring(false));
    expect(stdout).toMatch(/stage +│ samples +│ relative error │ +dB /);
    expect(stdout).not.toMatch(/agreement|accuracy │/);
  });

  test('shows on a terminal what is done and how long it will take', () => {
    const {node} = measuring();
    const terminal = 'data:text/javascript,process.stderr.isTTY = true';
    const {stderr} = callCli(['prune', model, out, '--calibration', images], {node: ['--import', terminal, ...node!]});
    expect(stderr).toMatch(/reading 1 █{30} 100%, 1:00 left/);
    expect(stderr).not.toMatch(/Infinity|NaN/);
  });

  test.each<[string, string[], RegExp]>([
    ['a folder that is not there', ['--calibration', 'nowhere'], /the samples in nowhere cannot be read/],
    ['a label that is missing', ['--calibration', 'IMAGES', '--labels', 'MODEL'], /model\.json, line 1: "file class"/],
  ])('tells in one line of %s, and writes nothing', (_, args, message) => {
    const names: Record<string, string> = {IMAGES: images, MODEL: model};
    expectOneLine(callCli(['prune', model, out, ...args.map((arg) => names[arg] ?? arg)], measuring()), 1, message);
    expect(existsSync(out)).toBe(false);
  });

  test('tells in one line of a sample that cannot be decoded, found as it is read', () => {
    writeFileSync(path.join(images, '4.png'), '\x89PNG', 'latin1');
    expectOneLine(callCli(['prune', model, out, '--calibration', images], measuring()), 1, /4\.png cannot be decoded/);
    expect(existsSync(out)).toBe(false);
  });
});

describe.each(['SIGINT', 'SIGTERM'] as const)('%s while samples are read', (signal) => {
  async function interrupt(body: string): Promise<{said: string; ended: unknown[]}> {
    writeModel(out, smallClassifier(2));
    const child = startCli(['prune', model, out, '--force', '--calibration', images], withLibrary(body));
    const ended = once(child, 'exit');
    let said = '';
    child.stderr!.on('data', (text) => (said += String(text)));
    let isOver = false;
    const over = ended.then(() => (isOver = true));
    while (!said.includes('ready') && !isOver) await Promise.race([once(child.stderr!, 'data'), over]);
    child.kill(signal);
    return {ended: await ended, said};
  }

  test('aborts the work and ends the process, and what stood there stays', async () => {
    writeModel(out, smallClassifier(2));
    const before = filesIn(out);
    const {ended, said} = await interrupt(`
      const working = setInterval(() => undefined, 1000);
      await calibration().next();
      process.stderr.write('ready');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      process.stderr.write(' cleaning up');
      await new Promise((resolve) => setTimeout(resolve, 50));
      process.stderr.write(' done');
      clearInterval(working);
      throw signal.reason;`);
    expect(ended).toEqual([null, signal]);
    expect(said).toBe('ready cleaning up done');
    expect(filesIn(out)).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('writes nothing even if the library had just ended', async () => {
    const {ended} = await interrupt(`
      const result = await prune(artifacts, options);
      process.stderr.write('ready');
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
      return result;`);
    expect(ended).toEqual([null, signal]);
    expect(Object.keys(filesIn(out)).sort()).toEqual(['model.json', 'weights.bin']);
  });
});
