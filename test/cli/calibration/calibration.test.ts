import {existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import jpeg from 'jpeg-js';
import {readCalibration, type FolderFlags} from '../../../src/cli/calibration/calibration';
import type {ImageInput} from '../../../src/cli/calibration/imageInput';
import {picture, withFolder, writeJpeg, writeNpy, writePng} from './sampleImages';
import {testWhere} from '../../support/optional';

const INPUT: ImageInput = {height: 6, width: 8, channels: 3, dtype: 'float32'};
const SHARED = path.resolve(__dirname, '../../../../shared/images/calibration');

let folder: string;
withFolder((made) => (folder = made));
beforeAll(() => tf.setBackend('cpu'));

/** One pass: shapes and values of the batches. */
async function pass(batches: () => AsyncIterable<tf.Tensor>): Promise<{shape: number[]; values: number[]}[]> {
  const read: {shape: number[]; values: number[]}[] = [];
  for await (const batch of batches()) {
    read.push({shape: batch.shape, values: [...batch.dataSync()]});
    batch.dispose();
  }
  return read;
}

const writePictures = (count: number, width = 8, height = 6) => {
  for (let i = 0; i < count; i++) writePng(path.join(folder, `${10 + i}.png`), picture(width, height, i));
};

test('samples come in batches, and the same ones in each pass', async () => {
  writePictures(19);
  const {batches, samples} = await readCalibration(folder, INPUT, {range: [-1, 1]});
  const [first, second] = [await pass(batches), await pass(batches)];
  expect(samples).toBe(19);
  expect(first.map(({shape}) => shape)).toEqual([8, 8, 3].map((count) => [count, 6, 8, 3]));
  expect(second).toEqual(first);
  const expected = Array.from({length: 19}, (_, i) => [...picture(8, 6, i).data]).flat();
  const values = first.flatMap((batch) => batch.values);
  expected.forEach((level, i) => expect(values[i]).toBeCloseTo(level / 127.5 - 1, 6));
});

test('a pass leaves no tensor behind but those it yields', async () => {
  writePictures(3);
  const {batches} = await readCalibration(folder, INPUT, {});
  const before = tf.memory().numTensors;
  await pass(batches);
  expect(tf.memory().numTensors).toBe(before);
});

test('samples beyond what is kept in memory are read anew', async () => {
  writePictures(5);
  const bytes = 6 * 8 * 3;
  const {batches} = await readCalibration(folder, INPUT, {}, 3 * bytes);
  const first = await pass(batches);
  expect(await pass(batches)).toEqual(first);
  for (const kept of [10, 11, 12]) rmSync(path.join(folder, `${kept}.png`));
  expect(await pass(batches)).toEqual(first);
  rmSync(path.join(folder, '14.png'));
  await expect(pass(batches)).rejects.toThrow(/14\.png cannot be read: .*ENOENT/);
});

test('the first samples are taken, with their labels', async () => {
  writePictures(4);
  const labels = path.join(folder, 'labels.txt');
  writeFileSync(labels, '12.png 5\n11.png 4\n10.png 3\n');
  const calibration = await readCalibration(folder, INPUT, {samples: 3, labels, labelOffset: 1});
  expect(calibration.samples).toBe(3);
  expect(calibration.labels).toEqual(Int32Array.of(4, 5, 6));
  expect((await pass(calibration.batches))[0].values.slice(2 * 144)).toEqual([...picture(8, 6, 2).data]);
});

test('a model of grey integers gets such', async () => {
  writePng(path.join(folder, 'a.png'), {width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0, 9, 9, 9)});
  writeNpy(path.join(folder, 'b.npy'), Float32Array.of(1.6, -3), [1, 2, 1]);
  const input: ImageInput = {height: 1, width: 2, channels: 1, dtype: 'int32'};
  const {batches} = await readCalibration(folder, input, {});
  for await (const batch of batches()) {
    expect([batch.dtype, batch.shape]).toEqual(['int32', [2, 1, 2, 1]]);
    expect([...batch.dataSync()]).toEqual([76, 9, 2, -3]);
  }
});

test('arrays of float32 are resized without rounding', async () => {
  writeNpy(path.join(folder, 'a.npy'), Float32Array.of(0, 0.1, 0.2, 0.4), [1, 1, 4, 1]);
  const input: ImageInput = {height: 1, width: 2, channels: 1, dtype: 'float32'};
  const [{values}] = await pass((await readCalibration(folder, input, {})).batches);
  expect(values[0]).toBeCloseTo((0.1 * 3 + 0.2) / 7, 6);
  expect(values[1]).toBeCloseTo((0.1 + 3 * 0.2 + 3 * 0.4) / 7, 6);
});

describe('an image of 227 x 227 becomes one of 224 x 224 within one grey level of a plain float resize', () => {
  const SIZE = 224;

  /** Grey levels by the formula, without tables or passes: what a triangle of width 227 / 224 sees around each centre. */
  function expectedLevels(file: string): Float64Array {
    const {data, width, height} = jpeg.decode(readFileSync(file), {useTArray: true});
    const scale = width / SIZE;
    expect([width, height]).toEqual([227, 227]);
    const near = (out: number) => {
      const centre = (out + 0.5) * scale - 0.5;
      const pixels = [-1, 0, 1, 2].map((step) => Math.floor(centre) + step).filter((x) => x >= 0 && x < width);
      const weights = pixels.map((x) => Math.max(0, 1 - Math.abs(x - centre) / scale));
      const sum = weights.reduce((a, b) => a + b);
      return pixels.map((x, i) => [x, weights[i] / sum] as const);
    };
    const levels = new Float64Array(SIZE * SIZE * 3);
    for (let i = 0; i < levels.length; i++) {
      const columns = near(Math.floor(i / 3) % SIZE);
      for (const [v, a] of near(Math.floor(i / 3 / SIZE))) {
        for (const [u, b] of columns) levels[i] += a * b * data[(v * width + u) * 4 + (i % 3)];
      }
    }
    return levels;
  }

  async function check(from: string, names: readonly string[], flags: FolderFlags): Promise<void> {
    const input = {...INPUT, height: SIZE, width: SIZE};
    const {batches} = await readCalibration(from, input, {...flags, range: [-1, 1]});
    let read = 0;
    for await (const batch of batches()) {
      const values = batch.dataSync();
      const [count] = batch.shape;
      const size = values.length / count;
      for (let sample = 0; sample < count; sample++, read++) {
        let worst = 0;
        expectedLevels(path.join(from, names[read])).forEach((level, i) => {
          const difference = Math.abs((values[sample * size + i] + 1) * 127.5 - level);
          if (!(difference <= worst)) worst = difference;
        });
        expect(worst).toBeLessThan(1);
        expect(worst).toBeGreaterThan(0.4); // bytes are rounded
      }
      batch.dispose();
    }
    expect(read).toBe(names.length);
  }

  test('a picture made here', async () => {
    writeJpeg(path.join(folder, 'a.jpg'), picture(227, 227));
    await check(folder, ['a.jpg'], {});
  });

  const there = existsSync(SHARED);
  // The picture made here is checked anyway.
  testWhere(there, '../shared/images, which does not belong to this repository, is absent')(
    'photographs of ../shared',
    async () => {
      await check(SHARED, readdirSync(SHARED).sort().slice(0, 4), {samples: 4});
    },
  );
});
