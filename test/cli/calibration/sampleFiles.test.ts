import {appendFileSync, copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import jpeg from 'jpeg-js';
import {listSamples} from '../../../src/cli/calibration/sampleFiles';
import {picture, withFolder, writeJpeg, writeNpy, writePng} from './sampleImages';

let folder: string;
withFolder((made) => (folder = made));

const at = (name: string) => path.join(folder, name);
const readAll = async (channels = 3) => {
  const samples = await listSamples(folder, channels);
  return Promise.all(samples.map(async (sample) => ({file: sample.file, ...(await sample.read())})));
};

describe('samples', () => {
  test('are JPEG and PNG images, in the order of their names', async () => {
    const image = picture(9, 5);
    writePng(at('b.PNG'), image);
    writeJpeg(at('c.jpeg'), picture(8, 6));
    writeJpeg(at('a.JPG'), picture(4, 7));
    const samples = await readAll();
    expect(samples.map(({file, width, height, channels}) => [file, width, height, channels])).toEqual([
      ['a.JPG', 4, 7, 3],
      ['b.PNG', 9, 5, 3],
      ['c.jpeg', 8, 6, 3],
    ]);
    expect([...samples[1].data]).toEqual([...image.data]);
    const {data} = jpeg.decode(readFileSync(at('c.jpeg')), {useTArray: true});
    expect([...samples[2].data]).toEqual([...data].filter((_, i) => i % 4 !== 3));
  });

  test('are told by their bytes where the name is wrong', async () => {
    const image = picture(9, 5);
    writePng(at('a.png'), image);
    copyFileSync(at('a.png'), at('b.jpg'));
    const [a, b] = await readAll();
    expect([...b.data]).toEqual([...a.data]);
  });

  test('are made grey, or keep their opacity, as the model takes them', async () => {
    const data = Uint8Array.from([255, 0, 0, 40, 0, 255, 0, 255, 0, 0, 255, 0, 200, 200, 200, 9]);
    writePng(at('a.png'), {width: 2, height: 2, channels: 4, data});
    expect([...(await readAll(4))[0].data]).toEqual([...data]);
    expect([...(await readAll(1))[0].data]).toEqual([76, 150, 29, 200]);
    expect([...(await readAll(3))[0].data]).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255, 200, 200, 200]);
  });

  test('are arrays of three types, of one or several samples', async () => {
    writeNpy(
      at('a.npy'),
      Float32Array.from({length: 12}, (_, i) => i / 8 - 1),
      [2, 2, 3],
    );
    writeNpy(
      at('b.npy'),
      Uint8Array.from({length: 36}, (_, i) => i),
      [3, 1, 4, 3],
      {version: 2},
    );
    writeNpy(
      at('c.npy'),
      Int32Array.from({length: 6}, (_, i) => i - 70000),
      [1, 1, 2, 3],
    );
    const samples = await readAll();
    expect(samples.map(({file, height, width, data}) => [file, height, width, ...data])).toEqual([
      ['a.npy', 2, 2, ...Array.from({length: 12}, (_, i) => i / 8 - 1)],
      ...[0, 12, 24].map((from) => ['b.npy', 1, 4, ...Array.from({length: 12}, (_, i) => from + i)]),
      ['c.npy', 1, 2, -70000, -69999, -69998, -69997, -69996, -69995],
    ]);
  });

  test('are not files whose names begin with a dot, nor the file of labels', async () => {
    writePng(at('a.png'), picture(2, 2));
    writeFileSync(at('.DS_Store'), '');
    writeFileSync(at('labels.txt'), 'a.png 1');
    expect(await listSamples(folder, 3, at('labels.txt'))).toMatchObject([{file: 'a.png'}]);
  });
});

describe('an error names', () => {
  const refused = (message: string | RegExp) => expect(readAll()).rejects.toThrow(message);
  const pixel = new Uint8Array(3);

  test('a folder that is not there, or empty', async () => {
    await refused(`${folder} has no samples: .jpg, .jpeg, .png or .npy files`);
    await expect(listSamples(at('none'), 3)).rejects.toThrow(/samples in .*none cannot be read: .*ENOENT/);
  });

  test.each(['notes.txt', 'image.webp', 'model.json'])('a file that is no sample: %s', async (name) => {
    writePng(at('a.png'), picture(2, 2));
    writeFileSync(at(name), 'x');
    await refused(new RegExp(`${name} is no sample: a folder of .jpg, .jpeg, .png or .npy`));
  });

  test('a folder among the samples, even one called like an image', async () => {
    mkdirSync(at('cats.jpg'));
    await refused(/cats\.jpg is no sample/);
  });

  test('an image that is none', async () => {
    writeFileSync(at('a.jpg'), 'GIF89a');
    await refused(/a\.jpg is neither a JPEG nor a PNG image/);
  });

  test.each(['a.jpg', 'a.png'])('an image that is cut off: %s', async (name) => {
    (name === 'a.jpg' ? writeJpeg : writePng)(at(name), picture(64, 64));
    truncateSync(at(name), 900);
    await refused(new RegExp(`${name.replace('.', '\\.')} cannot be decoded: \\S`));
  });

  test.each<[string, () => void, RegExp]>([
    [
      'of float64',
      () => writeNpy(at('a.npy'), pixel, [1, 1, 3], {descr: '<f8'}),
      /a\.npy holds <f8: save it as float32/,
    ],
    ['of big-endian float32', () => writeNpy(at('a.npy'), pixel, [1, 1, 3], {descr: '>f4'}), /a\.npy holds >f4/],
    ['in Fortran order', () => writeNpy(at('a.npy'), pixel, [1, 1, 3], {order: 'True'}), /Fortran order: save it in C/],
    ['of rank 1', () => writeNpy(at('a.npy'), pixel, [3]), /shape \[3\]: \[h, w, 3\] or \[n, h, w, 3\]/],
    ['of rank 5', () => writeNpy(at('a.npy'), pixel, [1, 1, 1, 1, 3]), /shape \[1, 1, 1, 1, 3\]/],
    ['of other channels', () => writeNpy(at('a.npy'), pixel, [1, 3, 1]), /shape \[1, 3, 1\]: \[h, w, 3\]/],
    ['of no height', () => writeNpy(at('a.npy'), new Uint8Array(), [0, 4, 3]), /shape \[0, 4, 3\]/],
    [
      'with NaN',
      () => writeNpy(at('a.npy'), Float32Array.of(0, NaN, 1), [1, 1, 3]),
      /a\.npy holds values that are not fin/,
    ],
    ['of text', () => writeFileSync(at('a.npy'), '1 2 3 and so on'), /a\.npy is not a \.npy file/],
    ['of nothing', () => writeFileSync(at('a.npy'), ''), /a\.npy is not a \.npy file/],
    [
      'of more values than its header says',
      () => {
        writeNpy(at('a.npy'), pixel, [1, 1, 3]);
        appendFileSync(at('a.npy'), 'x');
      },
      /a\.npy is damaged: it has 132 bytes, and its header asks for 131/,
    ],
    [
      'without its header',
      () => {
        writeNpy(at('a.npy'), pixel, [1, 1, 3]);
        truncateSync(at('a.npy'), 40);
      },
      /a\.npy is damaged: its header/,
    ],
  ])('an array %s', async (_, write, message) => {
    write();
    await refused(message);
  });
});
