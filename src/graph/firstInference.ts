import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {backend_util, io, Tensor, TensorInfo} from '@tensorflow/tfjs-core';
import {readFlag, readPadding, readSpatial} from './attributes';
import {ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS} from './opFamilies';
import {inferShapes} from './shapes';

const KINDS = [
  ['convolution', CONVOLUTION_OPS],
  ['depthwise', DEPTHWISE_OPS],
  ['matMul', MATMUL_OPS],
] as const;

/** How a kernel will be called for a layer with constant weights; what counts of inputs and attributes is up to its kind. */
export interface LayerCall {
  readonly kind: (typeof KINDS)[number][0];
  /** `x` has no data. */
  readonly inputs: {readonly x: TensorInfo; readonly filter: Tensor; readonly bias?: Tensor};
  readonly attrs: {
    readonly strides: [number, number];
    readonly dilations: [number, number];
    readonly pad: 'same' | 'valid' | backend_util.ExplicitPadding;
    readonly dataFormat: 'NHWC';
    readonly transposeA: boolean;
    readonly transposeB: boolean;
  };
}

interface NamedNode {
  readonly name: string;
}

/** What GraphModel and its executor keep to themselves. */
interface GraphModelInternals {
  readonly artifacts: io.ModelArtifacts;
  readonly executor: {
    readonly weightMap: Readonly<Record<string, readonly Tensor[]>>;
    readonly _inputs: readonly NamedNode[];
    readonly _outputs: readonly NamedNode[];
    /** Orders of execution by inputs and outputs. */
    readonly compiledMap: Map<string, unknown>;
    getCompilationKey(inputs: readonly NamedNode[], outputs: readonly NamedNode[]): string;
    compile(inputs: Readonly<Record<string, unknown>>, outputs: readonly NamedNode[]): unknown;
  };
}

/**
 * What tfjs leaves to a model's first inference and can be done before, in steps.
 *
 * Gives the live layers, whose weights are to be packed, in the order in which they are computed, for inputs of the size
 * that the graph states; a batch of unknown size is taken as one, and a layer whose input may have any size is left out.
 * Steps that have no layer give `undefined`. In the end tfjs is asked for the order in which it will execute nodes, which
 * takes it milliseconds.
 *
 * @throws where the model is not as expected, or has no such order since it needs `executeAsync`.
 */
export function* prepareFirstInference(model: GraphModel): Generator<LayerCall | undefined, void> {
  const {artifacts, executor} = model as unknown as GraphModelInternals;
  const graph = ModelGraph.from(artifacts);
  const single = (size: number, axis: number) => (size >= 0 ? size : axis ? null : 1);
  const shapes = inferShapes(
    graph,
    Object.fromEntries(model.inputs.map(({name, shape}) => [name, shape?.map(single)])),
  );
  yield;
  for (const name of shapes.keys()) {
    const node = graph.node(name);
    const kind = KINDS.find(([, ops]) => ops.has(node.op))?.[0];
    if (!kind || !graph.isLive(name)) continue;
    const [input, ...constants] = graph.inputs(node);
    const shape = input.output === 0 && shapes.get(input.node);
    // An Identity between shares their data.
    const [filter, bias] = constants.map(({node}) => executor.weightMap[graph.constantBehind(node) ?? '']?.[0]);
    if (!shape || shape.includes(null) || !filter) continue;
    if (filter.isDisposed) return;
    yield {
      kind,
      inputs: {x: {dataId: {}, shape: shape as number[], dtype: 'float32'}, filter, bias},
      attrs: {
        strides: readSpatial(node, 'strides'),
        dilations: readSpatial(node, 'dilations'),
        pad: readPadding(node) as LayerCall['attrs']['pad'],
        dataFormat: 'NHWC', // of others the output's shape is unknown
        transposeA: readFlag(node, 'transpose_a') || readFlag(node, 'adj_x'),
        transposeB: readFlag(node, 'transpose_b') || readFlag(node, 'adj_y'),
      },
    };
  }
  const {_inputs: inputs, _outputs: outputs, compiledMap} = executor;
  const key = executor.getCompilationKey(inputs, outputs);
  if (compiledMap.has(key)) return;
  compiledMap.set(key, executor.compile(Object.fromEntries(inputs.map(({name}) => [name, null])), outputs));
}
