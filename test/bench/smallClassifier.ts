// A made-up classifier of colours, and images to classify: what accuracy comes out is known.
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {encode} from 'jpeg-js';

/** Sides of the images that the classifier takes. */
const SIDE = 8;

/** What `middle` scales red, green and blue by: pruned to the highest scores, it loses blue first. */
const SCALES = [4, 2, 1];

const float = {type: 'DT_FLOAT'};
const ints = (...values: number[]) => ({list: {i: values.map(String)}});
const dims = (...sizes: number[]) => ({shape: {dim: sizes.map((length) => ({size: String(length)}))}});
const text = (value: string) => ({s: Buffer.from(value).toString('base64')});

function diagonal(values: readonly number[]): number[] {
  return values.flatMap((value, row) => values.map((_, column) => (row === column ? value : 0)));
}

/**
 * Writes a graph model of images [batch, 8, 8, 3] in 0 to 1: 'first' and 'middle', 1x1 convolutions that keep colours
 * apart, the mean over the pixels, a matrix product 'scores' of 3 classes, red, green and blue, and softmax.
 *
 * @param middle weights of 'middle', `[3, 3]`
 * @returns path of the JSON
 */
export function writeSmallClassifier(folder: string, middle = diagonal(SCALES)): string {
  const constants: Record<string, {shape: number[]; values: number[]; int?: boolean}> = {
    'first/weights': {shape: [1, 1, 3, 3], values: diagonal([1, 1, 1])},
    'middle/weights': {shape: [1, 1, 3, 3], values: middle},
    'scores/weights': {shape: [3, 3], values: diagonal(SCALES.map((scale) => 10 / scale))},
    axes: {shape: [2], values: [1, 2], int: true},
  };
  const conv = {
    ...{T: float, strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1)},
    ...{padding: text('SAME'), data_format: text('NHWC')},
  };
  const node = [
    {name: 'image', op: 'Placeholder', attr: {dtype: float, shape: dims(-1, SIDE, SIDE, 3)}},
    ...Object.entries(constants).map(([name, {shape, int}]) => {
      const dtype = int ? 'DT_INT32' : 'DT_FLOAT';
      const tensor = {dtype, tensorShape: dims(...shape).shape};
      return {name, op: 'Const', attr: {dtype: {type: dtype}, value: {tensor}}};
    }),
    {name: 'first', op: 'Conv2D', input: ['image', 'first/weights'], attr: conv},
    {name: 'relu', op: 'Relu', input: ['first'], attr: {T: float}},
    {name: 'middle', op: 'Conv2D', input: ['relu', 'middle/weights'], attr: conv},
    {name: 'mean', op: 'Mean', input: ['middle', 'axes'], attr: {T: float, keep_dims: {b: false}}},
    {name: 'scores', op: 'MatMul', input: ['mean', 'scores/weights'], attr: {T: float}},
    {name: 'classes', op: 'Softmax', input: ['scores'], attr: {T: float}},
  ];
  const entries = Object.entries(constants);
  mkdirSync(folder, {recursive: true});
  const bytes = entries.map(([, {values, int}]) => Buffer.from((int ? Int32Array : Float32Array).from(values).buffer));
  writeFileSync(path.join(folder, 'weights.bin'), Buffer.concat(bytes));
  const weights = entries.map(([name, {shape, int}]) => ({name, shape, dtype: int ? 'int32' : 'float32'}));
  const json = path.join(folder, 'model.json');
  writeFileSync(
    json,
    JSON.stringify({
      format: 'graph-model',
      modelTopology: {node, library: {}, versions: {}},
      weightsManifest: [{paths: ['weights.bin'], weights}],
    }),
  );
  return json;
}

/** Writes a JPEG of one colour, by default of another size than the classifier takes. */
export function writeColour(file: string, [red, green, blue]: readonly number[], width = 11, height = 10): void {
  const data = Buffer.alloc(width * height * 4, Buffer.from([red, green, blue, 255]));
  mkdirSync(path.dirname(file), {recursive: true});
  writeFileSync(file, encode({data, width, height}, 95).data);
}
