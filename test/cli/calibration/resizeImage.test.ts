import {resizeImage, type Pixels} from '../../../src/cli/calibration/resizeImage';
import {randomNumbers} from '../../support/random';

const row = (...values: number[]): Pixels => ({
  width: values.length,
  height: 1,
  channels: 1,
  data: Float32Array.from(values),
});
const column = (image: Pixels): Pixels => ({...image, width: image.height, height: image.width});
const bytes = (image: Pixels): Pixels => ({...image, data: Uint8Array.from(image.data)});

/** Each output pixel as the mean of all input pixels under a pyramid, in one go and in float64. */
function reference(image: Pixels, width: number, height: number): number[] {
  const {channels, data} = image;
  const triangle = (from: number, to: number, out: number, at: number) =>
    Math.max(0, 1 - Math.abs(at + 0.5 - ((out + 0.5) * from) / to) / Math.max(1, from / to));
  const result: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        let [sum, weights] = [0, 0];
        for (let v = 0; v < image.height; v++) {
          for (let u = 0; u < image.width; u++) {
            const weight = triangle(image.width, width, x, u) * triangle(image.height, height, y, v);
            weights += weight;
            sum += weight * data[(v * image.width + u) * channels + c];
          }
        }
        result.push(sum / weights);
      }
    }
  }
  return result;
}

function largestDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(0, ...expected.map((value, i) => Math.abs(actual[i] - value)));
}

function noise(width: number, height: number, channels: number): Pixels {
  const random = randomNumbers(3);
  const data = Float32Array.from({length: width * height * channels}, () => 255 * random());
  return {width, height, channels, data};
}

describe('an image', () => {
  test('is interpolated linearly where it grows, and ends with its first and last values', () => {
    const {data} = resizeImage(row(0, 100), {width: 4, height: 1});
    expect([...data]).toEqual([0, 25, 75, 100]);
  });

  test('is filtered by a triangle as wide as it shrinks', () => {
    // Two to one: weights 3, 3, 1 at the edge, 1, 3, 3, 1 inside.
    const {data} = resizeImage(row(7, 14, 28, 0, 56, 0), {width: 3, height: 1});
    expect(data[0]).toBeCloseTo((3 * 7 + 3 * 14 + 28) / 7, 5);
    expect(data[1]).toBeCloseTo((14 + 3 * 28 + 56) / 8, 5);
    expect(data[2]).toBeCloseTo((3 * 56) / 7, 5);
  });

  test('does not alias: stripes of one pixel become grey', () => {
    const stripes = row(...Array.from({length: 60}, (_, i) => 255 * (i % 2)));
    for (const value of resizeImage(stripes, {width: 15, height: 1}).data.slice(1, -1)) {
      expect(value).toBeCloseTo(127.5, 3);
    }
  });

  test('is resized alike in both directions', () => {
    const image = row(3, 1, 4, 1, 5, 9, 2, 6);
    expect([...resizeImage(column(image), {width: 1, height: 5}).data]).toEqual([
      ...resizeImage(image, {width: 5, height: 1}).data,
    ]);
  });

  test.each([
    [17, 11, 3, 9, 23],
    [20, 31, 1, 7, 5],
    [6, 5, 4, 13, 12],
    [227, 3, 3, 224, 3],
  ])('of %i x %i pixels and %i channels resized to %i x %i is the mean under a pyramid', (w, h, c, width, height) => {
    const image = noise(w, h, c);
    const {data, ...size} = resizeImage(image, {width, height});
    expect(size).toEqual({width, height, channels: c});
    expect(largestDifference(data, reference(image, width, height))).toBeLessThan(1e-3);
    const rounded = resizeImage(bytes(image), {width, height}).data;
    expect(largestDifference(rounded, reference(bytes(image), width, height))).toBeLessThan(0.501);
  });

  test('of the size asked for stays as it is', () => {
    const image = {...row(-3, 1e9), data: Int32Array.from([-3, 1e9])};
    expect(resizeImage(image, {width: 2, height: 1})).toBe(image);
  });

  test('of one colour keeps it, to the byte', () => {
    const data = new Uint8Array(30 * 20 * 3).fill(255);
    expect(
      resizeImage({width: 30, height: 20, channels: 3, data}, {width: 7, height: 45}).data.every((v) => v === 255),
    ).toBe(true);
  });
});

describe('a crop', () => {
  test('takes the centre of what covers the size, in the proportions of the image', () => {
    const image = noise(40, 20, 3);
    const whole = resizeImage(image, {width: 20, height: 10}).data;
    const {data, width, height} = resizeImage(image, {width: 10, height: 10}, true);
    expect([width, height]).toEqual([10, 10]);
    for (let y = 0; y < 10; y++) {
      expect([...data.slice(y * 30, y * 30 + 30)]).toEqual([...whole.slice(y * 60 + 15, y * 60 + 45)]);
    }
  });

  test('of an upright image leaves the top and the bottom out', () => {
    const image = {...column(row(0, 0, 10, 20, 30, 40, 0, 0)), channels: 1};
    expect([...resizeImage({...image, width: 1}, {width: 1, height: 4}, true).data]).toEqual([10, 20, 30, 40]);
  });

  test('covers a size of other proportions', () => {
    const {width, height, data} = resizeImage(noise(30, 30, 1), {width: 20, height: 7}, true);
    expect([width, height, data.length]).toEqual([20, 7, 140]);
    const whole = resizeImage(noise(30, 30, 1), {width: 20, height: 20}).data;
    expect([...data]).toEqual([...whole.slice(7 * 20, 14 * 20)]);
  });
});
