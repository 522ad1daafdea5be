/** How the kernels of a loaded model's layers will be called, as far as the graph tells. */
import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {backend_util, io, Tensor, TensorInfo} from '@tensorflow/tfjs-core';
import {readDataFormat, readFlag, readPadding, readShape, readSpatial} from './attributes';
import {ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS} from './opFamilies';
import {inferShapes, type Shape} from './shapes';

const KINDS = [
  ['convolution', CONVOLUTION_OPS],
  ['depthwise', DEPTHWISE_OPS],
  ['matMul', MATMUL_OPS],
] as const;

/** A layer with constant weights; which inputs and attributes count is for its kind to say. */
export interface LayerCall {
  readonly kind: (typeof KINDS)[number][0];
  /** `x` has no data. */
  readonly inputs: {readonly x: TensorInfo; readonly filter: Tensor; readonly bias?: Tensor};
  readonly attrs: {
    readonly strides: [number, number];
    readonly dilations: [number, number];
    readonly pad: 'same' | 'valid' | backend_util.ExplicitPadding;
    readonly dataFormat: string;
    readonly transposeA: boolean;
    readonly transposeB: boolean;
  };
}

/** What GraphModel keeps to itself. */
interface GraphModelInternals {
  readonly artifacts: io.ModelArtifacts;
  readonly executor: {readonly weightMap: Readonly<Record<string, readonly Tensor[]>>};
}

/**
 * The live layers of a model in the order in which they are computed, for inputs of the size that the graph states; a
 * batch of unknown size is taken as one. A layer whose input may have any size is left out. Ends where weights have been
 * disposed of. It is in steps, of which the longest reads the graph: `undefined` comes where a step had no layer.
 *
 * @throws where the model is not as expected.
 */
export function* layerCalls(model: GraphModel): Generator<LayerCall | undefined, void> {
  const {artifacts, executor} = model as unknown as GraphModelInternals;
  const graph = ModelGraph.from(artifacts);
  const shapes = inferShapes(graph, singleBatch(graph));
  yield;
  for (const name of shapes.keys()) {
    const node = graph.node(name);
    const kind = KINDS.find(([, ops]) => ops.has(node.op))?.[0];
    if (!kind || !graph.isLive(name)) continue;
    const [input, ...constants] = graph.inputs(node);
    const shape = input.output === 0 && shapes.get(input.node);
    const [filter, bias] = constants.map((ref) => executor.weightMap[graph.constantBehind(ref.node) ?? '']?.[0]);
    if (!shape || !isKnown(shape) || !filter) continue;
    if (filter.isDisposed) return;
    yield {
      kind,
      inputs: {x: {dataId: {}, shape: [...shape], dtype: 'float32'}, filter, bias},
      attrs: {
        strides: readSpatial(node, 'strides'),
        dilations: readSpatial(node, 'dilations'),
        pad: readPadding(node) as LayerCall['attrs']['pad'],
        dataFormat: readDataFormat(node),
        transposeA: readFlag(node, 'transpose_a') || readFlag(node, 'adj_x'),
        transposeB: readFlag(node, 'transpose_b') || readFlag(node, 'adj_y'),
      },
    };
  }
}

function isKnown(shape: Shape): shape is readonly number[] {
  return !shape.includes(null);
}

/** Shapes of the inputs whose first size is unknown, with one in its place. */
function singleBatch(graph: ModelGraph): Record<string, Shape> {
  return Object.fromEntries(
    graph.allNodes().flatMap((node) => {
      const [batch, ...rest] = (node.op.startsWith('Placeholder') && readShape(node, 'shape')) || [];
      return batch < 0 ? [[node.name, [1, ...rest.map((size) => (size < 0 ? null : size))]]] : [];
    }),
  );
}
