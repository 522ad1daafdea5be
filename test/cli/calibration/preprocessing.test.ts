import {planPreprocessing, writeSample, type PreprocessingFlags} from '../../../src/cli/calibration/preprocessing';
import type {ImageInput} from '../../../src/cli/calibration/imageInput';

const INPUT: ImageInput = {height: 3, width: 5, channels: 3, dtype: 'float32'};

function preprocess(flags: PreprocessingFlags, values: number[], input = INPUT): number[] {
  const into = new (input.dtype === 'int32' ? Int32Array : Float32Array)(values.length);
  const data = Float32Array.from(values);
  writeSample({width: 1, height: 1, channels: input.channels, data}, planPreprocessing(flags, input), into);
  return [...into];
}

describe('values', () => {
  test('stay what they are by default', () => {
    expect(preprocess({}, [0, 17, 255])).toEqual([0, 17, 255]);
  });

  test('are brought into a range', () => {
    expect(preprocess({range: [-1, 1]}, [0, 127.5, 255])).toEqual([-1, 0, 1]);
    expect(preprocess({range: [0, 1]}, [0, 51, 255])).toEqual([0, Math.fround(0.2), 1]);
    expect(preprocess({range: [1, 0]}, [0, 102, 255])).toEqual([1, Math.fround(0.6), -0]);
  });

  test('lose their mean and are divided, channel by channel or all alike', () => {
    expect(preprocess({mean: [10], std: [2]}, [0, 10, 20, 30, 40, 50])).toEqual([-5, 0, 5, 10, 15, 20]);
    expect(preprocess({mean: [1, 2, 3], std: [1, 2, 4]}, [1, 4, 7, 2, 6, 11])).toEqual([0, 1, 1, 1, 2, 2]);
    expect(preprocess({mean: [128]}, [0, 128, 255])).toEqual([-128, 0, 127]);
    expect(preprocess({std: [255]}, [0, 255, 510])).toEqual([0, 1, 2]);
  });

  test('are rounded for a model of integers', () => {
    expect(preprocess({range: [-128, 127]}, [0, 0.6, 254.4], {...INPUT, dtype: 'int32'})).toEqual([-128, -127, 126]);
  });
});

describe('the size', () => {
  test("is the model's, or the one given where the model takes any", () => {
    expect(planPreprocessing({}, INPUT)).toMatchObject({width: 5, height: 3, crop: false});
    const open = {...INPUT, height: null, width: null};
    expect(planPreprocessing({size: {width: 8, height: 6}, crop: true}, open)).toMatchObject({
      width: 8,
      height: 6,
      crop: true,
    });
  });

  test('is asked for where the model takes any', () => {
    expect(() => planPreprocessing({}, {...INPUT, width: null})).toThrow(/asks for --size, .* any x 3 pixels/);
  });

  test('that the model does not take is refused', () => {
    expect(() => planPreprocessing({size: {width: 3, height: 5}}, INPUT)).toThrow(
      '--size 3x5: the model takes 5 x 3 pixels',
    );
  });
});

describe('flags are refused, by name,', () => {
  test.each<[PreprocessingFlags, RegExp]>([
    [{range: [0, 1], mean: [3]}, /--range and --mean say the same/],
    [{range: [0, 1], std: [3]}, /--range and --std say the same/],
    [{mean: [1, 2]}, /--mean has 2 numbers, and the model's input has 3 channels/],
    [{std: [1, 2, 3, 4]}, /--std has 4 numbers/],
  ])('%j', (flags, message) => {
    expect(() => planPreprocessing(flags, INPUT)).toThrow(message);
  });
});
