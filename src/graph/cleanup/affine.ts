/**
 * Nodes that scale and shift each channel of their input by constants:
 * y = scale * x + offset. Read from BiasAdd, Add, Sub, Mul, division and
 * batch normalisation with constant statistics.
 */
import {readDataFormat, readNumber} from '../attributes';
import type {Consumer, GraphNode, ModelGraph} from '../modelGraph';

/** Per channel, in double precision: y = scale * x + offset. */
export interface Affine {
  readonly scale: Float64Array;
  readonly offset: Float64Array;
}

const BATCH_NORMS = new Set(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3']);
/** tfjs-converter's default, normalization.ts. */
const DEFAULT_EPSILON = 0.001;

/**
 * What the consumer does to each channel of the tensor it reads; `undefined`
 * where it is no such node.
 *
 * @param channels the size of the tensor's last dimension.
 * @param rank the tensor's rank: constants of a higher one would change the shape.
 */
export function readAffine(graph: ModelGraph, use: Consumer, channels: number, rank: number): Affine | undefined {
  const {node, slot} = use;
  if (use.ref.control || use.ref.output !== 0 || (node.input ?? []).some((input) => input.startsWith('^'))) {
    return undefined;
  }
  if (BATCH_NORMS.has(node.op)) return slot === 0 ? readBatchNorm(graph, node, channels) : undefined;
  if (graph.inputs(node).length !== 2 || readDataFormat(node) !== 'NHWC') return undefined;
  const constant = perChannel(graph, node, 1 - slot, channels, rank);
  if (constant === undefined) return undefined;
  switch (node.op) {
    case 'BiasAdd':
    case 'Add':
    case 'AddV2':
      return {scale: filled(channels, 1), offset: constant};
    case 'Sub':
      return slot === 0
        ? {scale: filled(channels, 1), offset: constant.map((c) => -c)}
        : {scale: filled(channels, -1), offset: constant};
    case 'Mul':
      return {scale: constant, offset: filled(channels, 0)};
    case 'Div':
    case 'RealDiv':
      return slot === 0 ? {scale: constant.map((c) => 1 / c), offset: filled(channels, 0)} : undefined;
    default:
      return undefined;
  }
}

/** First `first`, then `second`. */
export function compose(first: Affine, second: Affine): Affine {
  return {
    scale: first.scale.map((s, c) => s * second.scale[c]),
    offset: first.offset.map((o, c) => o * second.scale[c] + second.offset[c]),
  };
}

/** y = x. */
export const identityAffine = (channels: number): Affine => ({
  scale: filled(channels, 1),
  offset: filled(channels, 0),
});

const filled = (length: number, value: number): Float64Array => new Float64Array(length).fill(value);

/** offset + (x - mean) * gamma / sqrt(variance + epsilon), as tfjs's batchNorm; it ignores `is_training`. */
function readBatchNorm(graph: ModelGraph, node: GraphNode, channels: number): Affine | undefined {
  if (readDataFormat(node) !== 'NHWC') return undefined;
  const parameters = [1, 2, 3, 4].map((slot) => perChannel(graph, node, slot, channels, 1));
  const [gamma, beta, mean, variance] = parameters;
  if (!gamma || !beta || !mean || !variance) return undefined;
  const epsilon = readNumber(node, 'epsilon') ?? DEFAULT_EPSILON;
  const scale = gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon));
  return {scale, offset: beta.map((b, c) => b - mean[c] * scale[c])};
}

/** A constant input that is a scalar or has one value a channel, spread over the channels. */
function perChannel(
  graph: ModelGraph,
  node: GraphNode,
  slot: number,
  channels: number,
  rank: number,
): Float64Array | undefined {
  const ref = graph.inputs(node)[slot];
  const name = ref && graph.constantBehind(ref.node);
  if (name === undefined || graph.weightType(name) !== 'float32') return undefined;
  const shape = graph.weightShape(name);
  if (shape.length > rank || shape.slice(0, -1).some((dim) => dim !== 1)) return undefined;
  const last = shape.length === 0 ? 1 : shape[shape.length - 1];
  if (last !== 1 && last !== channels) return undefined;
  const values = graph.weightValues(name);
  return Float64Array.from({length: channels}, (_, c) => values[last === 1 ? 0 : c]);
}
