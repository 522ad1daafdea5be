// Convolution graphs built by hand, with constants of both types: what the tests of pruning look at.
import type {io} from '@tensorflow/tfjs-core';
import {
  intAttr,
  intsAttr,
  stringAttr,
  stringsAttr,
  typeAttr,
  type Attributes,
  type AttrValue,
} from '../../src/graph/attributes';
import type {GraphNode} from '../../src/graph';
import {randomFloats, randomNumbers} from '../support/random';

export const boolAttr = (value: boolean): AttrValue => ({b: value});

const shapeAttr = (shape: readonly number[]): AttrValue => ({
  shape: {dim: shape.map((size) => ({size: String(size)}))},
});

export interface ConvOptions {
  readonly out?: number;
  readonly k?: number;
  readonly stride?: number;
  /** Names of fused ops; 'BiasAdd' and 'Prelu' bring their constants. */
  readonly fused?: readonly string[];
  /** Use this filter instead of one of its own. */
  readonly filter?: string;
  readonly dataFormat?: string;
  /** Where the builder does not know: an output other than the first, a node that comes later. */
  readonly inputChannels?: number;
}

/** Builds graph-model artifacts node by node; every method returns the name of the node it adds. */
export class ConvGraphBuilder {
  private readonly nodes: GraphNode[] = [];
  private readonly specs: io.WeightsManifestEntry[] = [];
  private readonly data: Array<Float32Array | Int32Array> = [];
  private readonly channels = new Map<string, number>();
  private readonly random: () => number;

  constructor(seed = 1) {
    this.random = randomNumbers(seed);
  }

  input(name: string, shape: readonly number[]): string {
    return this.add(name, 'Placeholder', [], {dtype: typeAttr('DT_FLOAT'), shape: shapeAttr(shape)}, shape.at(-1));
  }

  add(name: string, op: string, input: readonly string[], attr: Attributes = {}, channels?: number): string {
    this.nodes.push({name, op, input, attr: {T: typeAttr('DT_FLOAT'), ...attr}});
    this.channels.set(name, channels ?? this.channels.get(input[0]) ?? 0);
    return name;
  }

  floats(name: string, shape: readonly number[], values?: readonly number[]): string {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return this.constant(name, shape, values ? Float32Array.from(values) : randomFloats(size, this.random));
  }

  ints(name: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.constant(name, shape, Int32Array.from(values));
  }

  /** A (fused, where `fused` is given) convolution with a filter whose norms are in no order. */
  conv(name: string, x: string, options: ConvOptions = {}): string {
    const {out = 8, k = 1, fused} = options;
    const inputChannels = options.inputChannels ?? this.channels.get(x)!;
    const filter = options.filter ?? this.floats(`${name}/filter`, [k, k, inputChannels, out]);
    const [op, extras] = fused ? ['_FusedConv2D', this.fusedInputs(name, fused, out)] : ['Conv2D', []];
    return this.add(name, op, [x, filter, ...extras], this.convAttr(options, extras.length), out);
  }

  depthwise(name: string, x: string, options: ConvOptions & {readonly multiplier?: number} = {}): string {
    const {k = 3, fused, multiplier = 1} = options;
    const channels = this.channels.get(x)!;
    const filter = this.floats(`${name}/filter`, [k, k, channels, multiplier]);
    const out = channels * multiplier;
    const op = fused ? 'FusedDepthwiseConv2dNative' : 'DepthwiseConv2dNative';
    const extras = fused ? this.fusedInputs(name, fused, out) : [];
    return this.add(name, op, [x, filter, ...extras], this.convAttr(options, extras.length), out);
  }

  batchNorm(name: string, x: string): string {
    const channels = this.channels.get(x)!;
    const parts = ['scale', 'offset', 'mean', 'variance'].map((part) => {
      const values = Array.from({length: channels}, () => this.random() + 0.5);
      return this.floats(`${name}/${part}`, [channels], values);
    });
    return this.add(name, 'FusedBatchNormV3', [x, ...parts], {
      epsilon: {f: 0.001},
      data_format: stringAttr('NHWC'),
      is_training: boolAttr(false),
    });
  }

  pool(name: string, op: 'MaxPool' | 'AvgPool', x: string): string {
    return this.add(name, op, [x], {
      ksize: intsAttr([1, 2, 2, 1]),
      strides: intsAttr([1, 2, 2, 1]),
      padding: stringAttr('SAME'),
      data_format: stringAttr('NHWC'),
    });
  }

  reduce(name: string, op: string, x: string, axes: readonly number[], keepDims: boolean): string {
    return this.add(name, op, [x, this.ints(`${name}/axes`, axes)], {keep_dims: boolAttr(keepDims)});
  }

  matMul(name: string, x: string, out: number, transposed = false): string {
    const channels = this.channels.get(x)!;
    const weights = this.floats(`${name}/weights`, transposed ? [out, channels] : [channels, out]);
    const attr = {transpose_a: boolAttr(false), transpose_b: boolAttr(transposed)};
    return this.add(name, 'MatMul', [x, weights], attr, out);
  }

  channelsOf(name: string): number {
    return this.channels.get(name)!;
  }

  /** @param outputs the declared outputs; none for a model without a signature. */
  artifacts(outputs: readonly string[]): io.ModelArtifacts {
    const entries = outputs.map((name) => [name, {name: `${name}:0`}]);
    const bytes = new Uint8Array(this.data.reduce((sum, values) => sum + values.byteLength, 0));
    let offset = 0;
    for (const values of this.data) {
      bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
      offset += values.byteLength;
    }
    return {
      format: 'graph-model',
      modelTopology: {node: this.nodes, versions: {producer: 1, minConsumer: 1}},
      weightSpecs: this.specs,
      weightData: bytes.buffer,
      ...(outputs.length > 0 && {signature: {outputs: Object.fromEntries(entries)}}),
    };
  }

  private constant(name: string, shape: readonly number[], values: Float32Array | Int32Array): string {
    const isFloat = values instanceof Float32Array;
    this.nodes.push({name, op: 'Const', attr: {dtype: typeAttr(isFloat ? 'DT_FLOAT' : 'DT_INT32')}});
    this.specs.push({name, shape: [...shape], dtype: isFloat ? 'float32' : 'int32'});
    this.data.push(values);
    return name;
  }

  private fusedInputs(name: string, fused: readonly string[], channels: number): string[] {
    return fused.flatMap((op) => {
      if (op === 'BiasAdd') return [this.floats(`${name}/bias`, [channels])];
      if (op === 'Prelu') return [this.floats(`${name}/alpha`, [1, 1, channels])];
      return [];
    });
  }

  private convAttr({stride = 1, fused, dataFormat = 'NHWC'}: ConvOptions, extras: number): Attributes {
    return {
      strides: intsAttr([1, stride, stride, 1]),
      dilations: intsAttr([1, 1, 1, 1]),
      padding: stringAttr('SAME'),
      data_format: stringAttr(dataFormat),
      ...(fused && {fused_ops: stringsAttr(fused), num_args: intAttr(extras)}),
    };
  }
}
