import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {decodeJpeg} from './accuracyJpeg.mjs';
import {resizeImage} from './accuracyResize.mjs';
import {UserError} from './userError.mjs';

const JPEG = /\.jpe?g$/i;
const CLASSES = 1000;

/**
 * @typedef {object} LabelledImage
 * @property {string} file absolute path
 * @property {number | null} label 0 to 999; null where there are no labels
 */

/**
 * Reads a file of lines `file class`.
 *
 * @param {string} file
 * @returns {{file: string, classes: Map<string, number>}} class by name of image, in the order of the lines
 * @throws {UserError} if it cannot be read, or a line is not of that form
 */
export function readLabels(file) {
  if (!existsSync(file) || !statSync(file).isFile()) throw new UserError(`--labels: there is no file ${file}`);
  const classes = new Map();
  for (const [i, line] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [, name, label] = /^\s*(\S.*?)\s+(\d+)\s*$/.exec(line) ?? [];
    if (name === undefined || Number(label) >= CLASSES) {
      throw new UserError(`${path.basename(file)}:${i + 1} is not a line "file class" with a class from 0 to 999`);
    }
    classes.set(name, Number(label));
  }
  if (classes.size === 0) throw new UserError(`--labels: ${path.basename(file)} has no lines "file class"`);
  return {file, classes};
}

/**
 * The images of a folder: those that the labels name, in their order, or all, sorted by name.
 *
 * @param {string} flag that named the folder
 * @param {string} folder
 * @param {object} [choice]
 * @param {ReturnType<typeof readLabels> | null} [choice.labels]
 * @param {number | null} [choice.most] at most so many, the first
 * @param {number | null} [choice.exactly] so many, the first
 * @returns {LabelledImage[]}
 * @throws {UserError} if there are none, too few, or one that is named is not there
 */
export function chooseImages(flag, folder, {labels = null, most = null, exactly = null} = {}) {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UserError(`${flag}: there is no folder ${folder}`);
  const names = readdirSync(folder)
    .filter((name) => JPEG.test(name))
    .sort();
  if (names.length === 0) throw new UserError(`${flag}: ${folder} has no JPEG images`);
  if (exactly > names.length) throw new UserError(`${flag}: ${folder} has ${names.length} images, not ${exactly}`);
  const present = new Set(names);
  const missing = labels && [...labels.classes.keys()].find((name) => !present.has(name));
  if (missing) {
    throw new UserError(`${flag}: ${folder} lacks ${missing}, which ${path.basename(labels.file)} names`);
  }
  const chosen = labels
    ? [...labels.classes].map(([name, label]) => ({file: path.join(folder, name), label}))
    : names.map((name) => ({file: path.join(folder, name), label: null}));
  return chosen.slice(0, exactly ?? most ?? undefined);
}

/**
 * Decodes an image and brings it to a size, without cropping.
 *
 * @param {string} file a JPEG
 * @param {[number, number]} size height and width
 * @returns {Uint8Array} `[height, width, 3]`, red first
 * @throws {UserError} if it is no JPEG
 */
export function decodeImage(file, size) {
  let image;
  try {
    image = decodeJpeg(readFileSync(file));
  } catch (error) {
    throw new UserError(`cannot decode ${file}: ${error.message}`);
  }
  return resizeImage(image.data, [image.height, image.width], size);
}

/** Weights of red, green and blue in grey: ITU-R BT.601, as Pillow's mode L. */
const LUMA = [0.299, 0.587, 0.114];

/**
 * What a model is fed: `(pixel - mean) / std`, for int32 rounded.
 *
 * @param {Uint8Array} pixels `[height, width, 3]`
 * @param {{mean: number[], std: number[], channels: 1 | 3, dtype: 'float32' | 'int32'}} form
 * @returns {Float32Array | Int32Array} `[height, width, channels]`
 */
export function inputValues(pixels, {mean, std, channels, dtype}) {
  const values = new (dtype === 'int32' ? Int32Array : Float32Array)((pixels.length / 3) * channels);
  const round = dtype === 'int32' ? Math.round : (value) => value;
  for (let i = 0, o = 0; i < pixels.length; i += 3) {
    if (channels === 1) {
      const grey = LUMA[0] * pixels[i] + LUMA[1] * pixels[i + 1] + LUMA[2] * pixels[i + 2];
      values[o++] = round((grey - mean[0]) / std[0]);
      continue;
    }
    for (let c = 0; c < 3; c++) values[o++] = round((pixels[i + c] - (mean[c] ?? mean[0])) / (std[c] ?? std[0]));
  }
  return values;
}
