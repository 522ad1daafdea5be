/** The samples of a folder: images, and arrays of NumPy. */
import {readdirSync, statSync} from 'node:fs';
import {open, readFile, type FileHandle} from 'node:fs/promises';
import path from 'node:path';
import {messageOf, UserError} from '../errors';
import {decodeImage} from './decodeImage';
import {NPY_HEADER_BYTES, readNpyHeader, type NpyHeader} from './npy';
import type {Pixels} from './resizeImage';

export interface Sample {
  /** Name of its file in the folder; a .npy file may have several samples. */
  readonly file: string;
  /** @throws UserError that names the file. */
  read(): Promise<Pixels>;
}

/**
 * Lists a folder's samples in the order of their files' names, by code units. Files whose names begin with a dot are not
 * looked at, nor is `other`.
 *
 * @param channels those that all samples are to have
 * @param other path of a file that may lie in the folder and holds no samples
 * @throws UserError for anything else than .jpg, .jpeg, .png and .npy, naming it, and where nothing is there
 */
export async function listSamples(folder: string, channels: number, other?: string): Promise<Sample[]> {
  const names = namesIn(folder).filter(
    (name) => !name.startsWith('.') && (other === undefined || path.resolve(folder, name) !== path.resolve(other)),
  );
  const samples: Sample[] = [];
  for (const name of names.sort()) {
    const file = path.join(folder, name);
    if (/\.npy$/i.test(name)) samples.push(...(await samplesOfArray(file, name, channels)));
    else if (!/\.(jpe?g|png)$/i.test(name) || !statSync(file).isFile()) {
      throw new UserError(
        `${file} is no sample: a folder of .jpg, .jpeg, .png or .npy files is expected, and nothing else`,
      );
    } else {
      samples.push({file: name, read: async () => decodeImage(file, await reading(file, readFile(file)), channels)});
    }
  }
  if (samples.length === 0) throw new UserError(`${folder} has no samples: .jpg, .jpeg, .png or .npy files`);
  return samples;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new UserError(`the samples in ${folder} cannot be read: ${messageOf(error)}`, {cause: error});
  }
}

async function samplesOfArray(file: string, name: string, channels: number): Promise<Sample[]> {
  const header = await withFile(file, async (handle) =>
    readNpyHeader(file, await readPart(handle, 0, NPY_HEADER_BYTES), (await handle.stat()).size),
  );
  const {shape} = header;
  const [height, width, depth] = shape.slice(-3);
  if (shape.length < 3 || shape.length > 4 || depth !== channels || height * width === 0) {
    throw new UserError(
      `${file} has the shape [${shape.join(', ')}]: [h, w, ${channels}] or [n, h, w, ${channels}] expected`,
    );
  }
  const read = async (i: number): Promise<Pixels> => {
    const bytes = height * width * channels * header.bytes;
    const values = await withFile(file, (handle) => readPart(handle, header.offset + i * bytes, bytes));
    return {height, width, channels, data: finite(file, header, values)};
  };
  return Array.from({length: shape.length === 4 ? shape[0] : 1}, (_, i) => ({file: name, read: () => read(i)}));
}

function finite(file: string, header: NpyHeader, bytes: Uint8Array): Pixels['data'] {
  const values = header.decode(bytes);
  if (values.every(Number.isFinite)) return values;
  throw new UserError(`${file} holds values that are not finite: no sample may have them`);
}

async function withFile<T>(file: string, action: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await reading(file, open(file));
  try {
    return await reading(file, action(handle));
  } finally {
    await handle.close();
  }
}

async function readPart(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let count = 0;
  for (let read = 1; read > 0 && count < length; count += read) {
    ({bytesRead: read} = await handle.read(bytes, count, length - count, position + count));
  }
  return bytes.subarray(0, count);
}

async function reading<T>(file: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`, {cause: error});
  }
}
