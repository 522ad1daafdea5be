// Graph models small enough to build by hand: nodes, random weights, artifacts, and a comparison node by node.
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import type {io, NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';
import {
  floatAttr,
  intAttr,
  intsAttr,
  stringAttr,
  stringsAttr,
  typeAttr,
  type Attributes,
} from '../../src/graph/attributes';
import type {GraphNode, Signature} from '../../src/graph/modelGraph';
import {randomFloats, randomNumbers} from '../support/random';

export interface TestWeight {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

export function randomWeight(shape: readonly number[], seed: number): TestWeight {
  return {
    values: randomFloats(
      shape.reduce((a, b) => a * b, 1),
      randomNumbers(seed),
    ),
    shape,
  };
}

export const weight = (values: readonly number[], shape: readonly number[] = [values.length]): TestWeight => ({
  values: Float32Array.from(values),
  shape,
});

const FLOAT = {T: typeAttr('DT_FLOAT')};
export const CONV: Attributes = {
  ...FLOAT,
  strides: intsAttr([1, 1, 1, 1]),
  dilations: intsAttr([1, 1, 1, 1]),
  padding: stringAttr('SAME'),
  data_format: stringAttr('NHWC'),
};

export function node(name: string, op: string, input: readonly string[], attr: Attributes = FLOAT): GraphNode {
  return {name, op, input, attr};
}

export function placeholder(name: string, shape: readonly number[]): GraphNode {
  const attr = {dtype: typeAttr('DT_FLOAT'), shape: {shape: {dim: shape.map((size) => ({size: String(size)}))}}};
  return {name, op: 'Placeholder', attr};
}

export function fusedConvAttr(ops: readonly string[], extras: number, leakyAlpha?: number): Attributes {
  const attr = {...CONV, fused_ops: stringsAttr(ops), num_args: intAttr(extras)};
  return leakyAlpha === undefined ? attr : {...attr, leakyrelu_alpha: floatAttr(leakyAlpha)};
}

/** Artifacts of the nodes, with a Const node for every weight. */
export function artifactsOf(
  nodes: readonly GraphNode[],
  weights: Readonly<Record<string, TestWeight>>,
  signature?: Signature,
): io.ModelArtifacts {
  const constants = Object.keys(weights).map((name) => ({name, op: 'Const', attr: {dtype: typeAttr('DT_FLOAT')}}));
  const entries = Object.entries(weights);
  const data = new Float32Array(entries.reduce((sum, [, {values}]) => sum + values.length, 0));
  let offset = 0;
  for (const [, {values}] of entries) {
    data.set(values, offset);
    offset += values.length;
  }
  return {
    format: 'graph-model',
    modelTopology: {node: [...constants, ...nodes], versions: {producer: 1, minConsumer: 1}},
    weightSpecs: entries.map(([name, {shape}]) => ({name, shape: [...shape], dtype: 'float32'})),
    weightData: data.buffer,
    ...(signature && {signature}),
  };
}

export const nodesOf = (artifacts: io.ModelArtifacts): GraphNode[] =>
  (artifacts.modelTopology as {node: GraphNode[]}).node;

export const opOf = (artifacts: io.ModelArtifacts, name: string): string | undefined =>
  nodesOf(artifacts).find((candidate) => candidate.name === name)?.op;

/** The values of the named nodes, or of the model's outputs. */
export function run(artifacts: io.ModelArtifacts, inputs: NamedTensorMap, fetch?: string | string[]): Float32Array[] {
  const model = loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);
  try {
    const result = (fetch === undefined ? model.predict(inputs) : model.execute(inputs, fetch)) as Tensor | Tensor[];
    const tensors = Array.isArray(result) ? result : [result];
    const values = tensors.map((tensor) => Float32Array.from(tensor.dataSync()));
    tensors.forEach((tensor) => tensor.dispose());
    return values;
  } finally {
    model.dispose();
  }
}

/** Largest difference as a share of the expected values' magnitude; NaN must meet NaN. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isNaN(expected[i]) !== Number.isNaN(actual[i])) return Infinity;
    if (Number.isNaN(expected[i]) || actual[i] === expected[i]) continue;
    largest = Math.max(largest, Math.abs(expected[i]));
    error = Math.max(error, Math.abs(actual[i] - expected[i]));
  }
  return error === 0 ? 0 : error / Math.max(largest, 1e-30);
}
