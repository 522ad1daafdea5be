/** The samples of `--calibration`: a folder's files as batches of a model's input. */
import {tensor, type Tensor} from '@tensorflow/tfjs-core';
import type {ImageInput} from './imageInput';
import {readLabels} from './labels';
import {fitImage, planPreprocessing, writeSample, type Preprocessing, type PreprocessingFlags} from './preprocessing';
import type {Pixels} from './resizeImage';
import {listSamples} from './sampleFiles';

/** Samples of a batch; who fits takes them apart. */
const BATCH = 8;
/** Bytes of decoded and resized samples that are kept from one pass to the next. */
const CACHE_BYTES = 512 * 2 ** 20;

export interface FolderFlags extends PreprocessingFlags {
  /** Take the first so many. */
  readonly samples?: number;
  /** File of labels. */
  readonly labels?: string;
  /** Is added to each of its classes. */
  readonly labelOffset?: number;
}

export interface FolderCalibration {
  readonly samples: number;
  readonly preprocessing: Preprocessing;
  readonly labels?: Int32Array;
  /** One pass over the samples, the same each time; who iterates disposes of the tensors `[batch, height, width, channels]`. */
  batches(): AsyncGenerator<Tensor, void, undefined>;
}

/**
 * Lists the samples of a folder (see `listSamples`); they are read as they are asked for.
 *
 * @throws UsageError for flags that do not fit the model, UserError for a folder or file that cannot be used, naming it
 */
export async function readCalibration(
  folder: string,
  input: ImageInput,
  flags: FolderFlags,
  cacheBytes = CACHE_BYTES,
): Promise<FolderCalibration> {
  const preprocessing = planPreprocessing(flags, input);
  const all = await listSamples(folder, input.channels, flags.labels);
  const samples = all.slice(0, flags.samples);
  const labels = flags.labels && (await readLabels(flags.labels, all, samples.length, flags.labelOffset ?? 0));

  const kept: (Pixels | undefined)[] = [];
  let bytesLeft = cacheBytes;
  const read = async (i: number): Promise<Pixels> => {
    if (kept[i]) return kept[i];
    const pixels = fitImage(await samples[i].read(), preprocessing);
    if (pixels.data.byteLength <= bytesLeft) {
      bytesLeft -= pixels.data.byteLength;
      kept[i] = pixels;
    }
    return pixels;
  };
  const {height, width} = preprocessing;
  const {channels, dtype} = input;
  const size = height * width * channels;
  return {
    samples: samples.length,
    preprocessing,
    ...(labels && {labels}),
    async *batches() {
      for (let start = 0; start < samples.length; start += BATCH) {
        const count = Math.min(BATCH, samples.length - start);
        const values = new (dtype === 'int32' ? Int32Array : Float32Array)(count * size);
        for (let i = 0; i < count; i++) {
          writeSample(await read(start + i), preprocessing, values.subarray(i * size, (i + 1) * size));
        }
        yield tensor(values, [count, height, width, channels], dtype);
      }
    },
  };
}
