import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {readLabels} from '../../../src/cli/calibration/labels';
import {withFolder} from './sampleImages';

let file: string;
withFolder((folder) => (file = path.join(folder, 'labels.txt')));

const sample = (name: string) => ({file: name, read: () => Promise.reject(new Error('nobody reads it'))});
const read = (text: string, names: string[], count = names.length, offset = 0) => {
  writeFileSync(file, text);
  return readLabels(file, names.map(sample), count, offset);
};

test('labels come in the order of the samples, whatever that of the lines', async () => {
  const text = 'b.jpg 7\r\nother.jpg 1\n\n  a 1.jpg\t 3 \n';
  expect(await read(text, ['a 1.jpg', 'b.jpg'])).toEqual(Int32Array.of(3, 7));
});

test('classes are counted from another number with an offset', async () => {
  expect(await read('a.jpg 0\nb.jpg 9', ['a.jpg', 'b.jpg'], 2, 1)).toEqual(Int32Array.of(1, 10));
});

test('a file of several samples has several classes, in a line or in lines', async () => {
  const names = ['a.npy', 'a.npy', 'b.png', 'c.npy', 'c.npy'];
  expect(await read('a.npy 1 2\nb.png 3\nc.npy 4\nc.npy 5', names)).toEqual(Int32Array.of(1, 2, 3, 4, 5));
});

test('samples that are not used need none', async () => {
  expect(await read('a.npy 1\n', ['a.npy', 'a.npy', 'b.jpg'], 1)).toEqual(Int32Array.of(1));
});

describe('an error tells of', () => {
  test.each<[string, string, string[], number, RegExp]>([
    ['a sample without a class', 'a.jpg 1', ['a.jpg', 'b.jpg'], 0, /labels\.txt has no class for b\.jpg$/],
    ['one of several', 'a.npy 1', ['a.npy', 'a.npy'], 0, /has no class for a\.npy, sample 2$/],
    [
      'a file of more classes than samples',
      'a.jpg 1\na.jpg 2',
      ['a.jpg'],
      0,
      /has 2 classes for a\.jpg, which has 1 samples/,
    ],
    ['a line that is none', 'a.jpg 1\nb.jpg cat', ['a.jpg'], 0, /labels\.txt, line 2: "file class" expected/],
    ['a line without a file', '12', ['a.jpg'], 0, /labels\.txt, line 1/],
    ['a label below 0', 'a.jpg 0', ['a.jpg'], -1, /a\.jpg gets the label -1: change --label-offset/],
  ])('%s', async (_, text, names, offset, message) => {
    await expect(read(text, names, names.length, offset)).rejects.toThrow(message);
  });

  test('a file that is not there', async () => {
    await expect(readLabels(file, [], 0, 0)).rejects.toThrow(/the labels cannot be read: .*ENOENT.*labels\.txt/);
  });
});
