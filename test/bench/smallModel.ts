import {writeFileSync} from 'node:fs';
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
