/** From pixels to what a model takes: size, range, type. */
import {UsageError} from '../errors';
import type {ImageInput} from './imageInput';
import {resizeImage, type Pixels, type Size} from './resizeImage';

export interface PreprocessingFlags {
  /** One number, or one a channel. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** What 0 and 255 become. */
  readonly range?: readonly [number, number];
  readonly size?: Size;
  readonly crop?: true;
}

export interface Preprocessing extends Size {
  readonly crop: boolean;
  /** A value v becomes (v - mean) / std; of each channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** @throws UsageError where flags exclude each other or do not fit the model, naming the flag. */
export function planPreprocessing(flags: PreprocessingFlags, input: ImageInput): Preprocessing {
  const {mean, std, range, crop = false} = flags;
  if (range && (mean || std)) throw new UsageError(`--range and --${mean ? 'mean' : 'std'} say the same: give one`);
  const [low, high] = range ?? [0, 255];
  const scale = 255 / (high - low);
  const ofChannels = (flag: string, values: readonly number[]): readonly number[] => {
    if (values.length === 1) return Array<number>(input.channels).fill(values[0]);
    if (values.length === input.channels) return values;
    throw new UsageError(
      `--${flag} has ${values.length} numbers, and the model's input has ${input.channels} channels`,
    );
  };
  return {
    ...imageSize(flags.size, input),
    crop,
    mean: ofChannels('mean', mean ?? [-low * scale]),
    std: ofChannels('std', std ?? [scale]),
  };
}

function imageSize(given: Size | undefined, {width, height}: ImageInput): Size {
  const size = {width: given?.width ?? width, height: given?.height ?? height};
  const ofModel = `${width ?? 'any'} x ${height ?? 'any'} pixels`;
  if (size.width === null || size.height === null) {
    throw new UsageError(`--calibration asks for --size, like 224 or 320x240: the model takes ${ofModel}`);
  }
  if ((width ?? size.width) !== size.width || (height ?? size.height) !== size.height) {
    throw new UsageError(`--size ${size.width}x${size.height}: the model takes ${ofModel}`);
  }
  return {width: size.width, height: size.height};
}

/** An image in the size that the model takes, its values as they were. */
export const fitImage = (image: Pixels, to: Preprocessing): Pixels => resizeImage(image, to, to.crop);

/** Writes the values of an image in the model's size as the model takes them; integers are rounded. */
export function writeSample(
  {data, channels}: Pixels,
  {mean, std}: Preprocessing,
  into: Float32Array | Int32Array,
): void {
  const isInteger = into instanceof Int32Array;
  for (let i = 0; i < data.length; i++) {
    const value = (data[i] - mean[i % channels]) / std[i % channels];
    into[i] = isInteger ? Math.round(value) : value;
  }
}
