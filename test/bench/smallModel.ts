import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';

const FILTER = [3, 3, 3, 8];

/**
 * Writes a graph model: a 3x3 convolution with ReLU, and the places where it is positive. The latter's shape depends on
 * the values, so that only `executeAsync` can run the model.
 *
 * @returns path of the JSON
 */
export function writeSmallModel(folder: string): string {
  const size = FILTER.reduce((product, length) => product * length, 1);
  const weights = Float32Array.from({length: size}, (_, i) => Math.sin(i));
  writeFileSync(path.join(folder, 'weights.bin'), weights);

  const float = {type: 'DT_FLOAT'};
  const list = (...values: number[]) => ({list: {i: values.map(String)}});
  const dims = (...sizes: number[]) => ({shape: {dim: sizes.map((length) => ({size: String(length)}))}});
  const node = [
    {name: 'image', op: 'Placeholder', attr: {dtype: float, shape: dims(-1, 12, 12, 3)}},
    {
      name: 'filter',
      op: 'Const',
      attr: {dtype: float, value: {tensor: {dtype: 'DT_FLOAT', tensorShape: dims(...FILTER).shape}}},
    },
    {name: 'zero', op: 'Const', attr: {dtype: float, value: {tensor: {dtype: 'DT_FLOAT', tensorShape: {}}}}},
    {
      name: 'conv',
      op: 'Conv2D',
      input: ['image', 'filter'],
      attr: {
        T: float,
        strides: list(1, 1, 1, 1),
        dilations: list(1, 1, 1, 1),
        padding: {s: Buffer.from('SAME').toString('base64')},
        data_format: {s: Buffer.from('NHWC').toString('base64')},
      },
    },
    {name: 'relu', op: 'Relu', input: ['conv'], attr: {T: float}},
    {name: 'positive', op: 'Greater', input: ['relu', 'zero'], attr: {T: float}},
    {name: 'places', op: 'Where', input: ['positive'], attr: {T: {type: 'DT_BOOL'}}},
  ];
  const json = path.join(folder, 'model.json');
  writeFileSync(path.join(folder, 'zero.bin'), new Float32Array(1));
  writeFileSync(
    json,
    JSON.stringify({
      format: 'graph-model',
      modelTopology: {node, library: {}, versions: {}},
      weightsManifest: [
        {paths: ['weights.bin'], weights: [{name: 'filter', shape: FILTER, dtype: 'float32'}]},
        {paths: ['zero.bin'], weights: [{name: 'zero', shape: [], dtype: 'float32'}]},
      ],
    }),
  );
  return json;
}

/**
 * Writes a layers model of open image size that doubles images, with the custom layers of the @upscalerjs packages: a 3x3
 * convolution, MultiplyBeta and PixelShuffle2x.
 *
 * @returns path of the JSON
 */
export function writeSmallLayersModel(folder: string): string {
  const filters = 12;
  const kernel = [3, 3, 3, filters];
  const weights = Float32Array.from({length: 3 * 3 * 3 * filters + filters}, (_, i) => Math.cos(i));
  const layer = (name: string, className: string, config: object, input?: string) => ({
    name,
    class_name: className,
    config: {name, trainable: true, dtype: 'float32', ...config},
    inbound_nodes: input === undefined ? [] : [[[input, 0, 0, {}]]],
  });
  const layers = [
    layer('image', 'InputLayer', {batch_input_shape: [null, null, null, 3], sparse: false}),
    layer('conv', 'Conv2D', {filters, kernel_size: [3, 3], padding: 'same', activation: 'linear'}, 'image'),
    layer('beta', 'MultiplyBeta', {}, 'conv'),
    layer('shuffle', 'PixelShuffle2x', {}, 'beta'),
  ];
  const config = {name: 'small', layers, input_layers: [['image', 0, 0]], output_layers: [['shuffle', 0, 0]]};
  const spec = (name: string, shape: number[]) => ({name: `conv/${name}`, shape, dtype: 'float32'});
  mkdirSync(folder, {recursive: true});
  const json = path.join(folder, 'model.json');
  writeFileSync(path.join(folder, 'weights.bin'), weights);
  writeFileSync(
    json,
    JSON.stringify({
      modelTopology: {keras_version: '2', backend: 'tensorflow', model_config: {class_name: 'Functional', config}},
      weightsManifest: [{paths: ['weights.bin'], weights: [spec('kernel', kernel), spec('bias', [filters])]}],
    }),
  );
  return json;
}
