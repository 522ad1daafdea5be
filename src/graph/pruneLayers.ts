/** The layers of a graph that have a filter to prune: convolutions and matrix products with constant weights. */
import type {FilterShape} from '../packed';
import {transpose} from '../pruning';
import {readDataFormat, readFlag} from './attributes';
import {soleConstant} from './constantUsers';
import type {GraphNode, ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS} from './opFamilies';
import type {Shape, ShapeMap} from './shapes';
import {topologicalOrder} from './topologicalOrder';

/** What is known of a layer when it is to be decided whether and how to prune it. Plain data. */
export interface LayerDescription extends FilterShape {
  /** The node's name in the graph as it was given. */
  readonly name: string;
  readonly op: string;
  readonly kind: 'convolution' | 'matmul';
  /** Output pixels of one image (a MatMul's rows of one example), or `null` where the graph does not tell. */
  readonly outputPixels: number | null;
  /** Nothing that has weights stands between the model's input and this layer. */
  readonly isFirst: boolean;
  /** The last layer on its way to the outputs, a MatMul or a convolution of a single pixel. */
  readonly isClassifier: boolean;
}

/** A layer and where its weights are. */
export interface Layer {
  readonly description: LayerDescription;
  readonly weight: string;
  /** True where a MatMul's weights are stored `[M, K]`. */
  readonly transposed: boolean;
  /** Why the weights cannot be changed, if they cannot. */
  readonly fixed?: string;
}

/** The live layers in an order in which they can be computed. Convolutions in NCHW are none of ours. */
export function listLayers(graph: ModelGraph, shapes: ShapeMap): Layer[] {
  const order = topologicalOrder(graph).filter((node) => graph.isLive(node.name));
  const after = reach(order, (node) => graph.inputs(node).map((ref) => ref.node));
  const before = reach([...order].reverse(), (node) => graph.consumers(node.name).map((use) => use.node.name));
  return order.flatMap((node) => {
    const weights = weightsOf(graph, node);
    if (!weights) return [];
    const outputPixels = pixelsPerImage(node, shapes.get(node.name));
    const isClassifier = !before.has(node.name) && (weights.kind === 'matmul' || outputPixels === 1);
    const {kind, shape, ...rest} = weights;
    const isFirst = !after.has(node.name);
    return [
      {description: {name: node.name, op: node.op, kind, ...shape, outputPixels, isFirst, isClassifier}, ...rest},
    ];
  });
}

/** A layer's filter as `[kh, kw, inChannels, outChannels]`, whatever way it is stored; a fresh copy. */
export function readFilter(graph: ModelGraph, {weight, transposed, description}: Layer): Float32Array {
  const values = graph.weightValues(weight);
  return transposed ? transpose(values, description.outChannels, description.inChannels) : values;
}

/** Stores a filter `[kh, kw, inChannels, outChannels]` in the layer's weight. */
export function writeFilter(graph: ModelGraph, layer: Layer, filter: Float32Array): void {
  const {weight, transposed, description} = layer;
  const values = transposed ? transpose(filter, description.inChannels, description.outChannels) : filter;
  graph.setWeight(weight, values, graph.weightShape(weight));
}

interface LayerWeights {
  readonly kind: LayerDescription['kind'];
  readonly shape: FilterShape;
  readonly weight: string;
  readonly transposed: boolean;
  readonly fixed?: string;
}

function weightsOf(graph: ModelGraph, node: GraphNode): LayerWeights | undefined {
  const isConvolution = CONVOLUTION_OPS.has(node.op);
  if (!isConvolution && !MATMUL_OPS.has(node.op)) return undefined;
  const ref = graph.inputs(node)[1];
  const weight = ref && graph.constantBehind(ref.node);
  if (weight === undefined || graph.weightType(weight) !== 'float32') return undefined;
  const dims = graph.weightShape(weight);
  const sole = soleConstant(graph, node, 1) === weight;
  const fixed = sole ? {} : {fixed: 'its weights are used by other nodes too'};
  if (isConvolution) {
    if (dims.length !== 4 || readDataFormat(node) !== 'NHWC') return undefined;
    const [kh, kw, inChannels, outChannels] = dims;
    return {kind: 'convolution', shape: {kh, kw, inChannels, outChannels}, weight, transposed: false, ...fixed};
  }
  if (dims.length !== 2) return undefined;
  const transposed = readFlag(node, 'transpose_b') || readFlag(node, 'adj_y');
  const [inChannels, outChannels] = transposed ? [dims[1], dims[0]] : dims;
  return {kind: 'matmul', shape: {kh: 1, kw: 1, inChannels, outChannels}, weight, transposed, ...fixed};
}

function pixelsPerImage(node: GraphNode, shape: Shape | undefined): number | null {
  if (!shape) return null;
  // [batch, height, width, channels]; [rows, M] with a row for each example; [batch, ..., rows, M].
  const pixels = MATMUL_OPS.has(node.op) && shape.length === 2 ? [] : shape.slice(1, -1);
  return pixels.reduce((product, dim) => (product === null || dim === null ? null : product * dim), 1);
}

/** Names of the nodes that have a node with weights somewhere before them; `order` runs along the arrows. */
function reach(order: readonly GraphNode[], previous: (node: GraphNode) => readonly string[]): ReadonlySet<string> {
  const weighty = (node: GraphNode) =>
    CONVOLUTION_OPS.has(node.op) || DEPTHWISE_OPS.has(node.op) || MATMUL_OPS.has(node.op);
  const names = new Set(order.filter(weighty).map((node) => node.name));
  const reached = new Set<string>();
  for (const node of order) {
    if (previous(node).some((name) => names.has(name) || reached.has(name))) reached.add(node.name);
  }
  return reached;
}
