import fc from 'fast-check';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {deflateRawSync} from 'node:zlib';
import {compress} from '../../src/compression/compress';
import {decompress} from '../../src/compression/decompress';
import {randomNumbers} from '../support/random';

const unpacked = (bytes: Uint8Array) => decompress(compress(bytes), bytes.length);

describe('compress and decompress', () => {
  test.each([
    ['nothing', []],
    ['a zero', [0]],
    ['a byte of ones', [255]],
    ['a byte many times over', new Array(3000).fill(255)],
    ['zeros, which a reader past the end would read too', new Array(3000).fill(0)],
    ['a period of three', Array.from({length: 3000}, (_, i) => i % 3)],
    ['a byte that breaks each copy', Array.from({length: 3000}, (_, i) => (i % 50 ? i % 7 : i / 50))],
  ])('keep %s', (_, values) => {
    const bytes = Uint8Array.from(values);
    expect(unpacked(bytes)).toEqual(bytes);
  });

  test('keep any bytes of few values, which repeat, and of many, which do not', () => {
    const bytes = fc.oneof(
      fc.array(fc.integer({min: 0, max: 2}), {maxLength: 300}),
      fc.array(fc.integer({min: 0, max: 255}), {maxLength: 300}),
      fc.array(fc.constantFrom(0, 1, 127, 128, 254, 255), {maxLength: 300}),
    );
    fc.assert(
      fc.property(bytes, (values) => expect(unpacked(Uint8Array.from(values))).toEqual(Uint8Array.from(values))),
    );
  });

  test('keep noise, at a few percent more than its size', () => {
    const next = randomNumbers(1);
    const bytes = Uint8Array.from({length: 5000}, () => next() * 256);
    const packed = compress(bytes);
    expect(decompress(packed, bytes.length)).toEqual(bytes);
    expect(packed.length).toBeLessThan(bytes.length * 1.1);
  });

  test('unpack a first part alone', () => {
    const bytes = Uint8Array.from({length: 3000}, (_, i) => (i * i) >> 4);
    const packed = compress(bytes);
    for (const size of [0, 1, 100, 1500, 2999]) expect(decompress(packed, size)).toEqual(bytes.subarray(0, size));
  });

  test('pack code smaller than deflate does', () => {
    const text = readFileSync(path.join(__dirname, '../../kernels/generated/microkernels.ts')).subarray(0, 10_000);
    const packed = compress(text);
    expect(decompress(packed, text.length)).toEqual(new Uint8Array(text));
    expect(packed.length).toBeLessThan(deflateRawSync(text, {level: 9}).length * 0.9);
  });
});
