/**
 * Shape inference for NHWC graph models: good enough for the sizes of convolutions. What cannot be told from the
 * graph stays unknown; nothing is guessed.
 */
import {readDataFormat, readFlag, readNumber, readNumbers, readPadding, readShape, readSpatial} from './attributes';
import type {GraphNode, ModelGraph} from './modelGraph';
import {BINARY_OPS, REDUCTION_OPS, UNARY_OPS} from './opFamilies';
import {topologicalOrder} from './topologicalOrder';

/** A dimension, or `null` where it is unknown (usually the batch). */
export type Dim = number | null;

/** A tensor's dimensions. */
export type Shape = readonly Dim[];

/** Shapes by node name (of a node's first output), as far as they are known. */
export type ShapeMap = ReadonlyMap<string, Shape>;

interface Context {
  readonly node: GraphNode;
  /** Shape of a value input; `undefined` where unknown. */
  input(slot: number): Shape | undefined;
  /** The numbers in a small integer input, `null` for those that depend on an unknown size. */
  ints(slot: number): readonly Dim[] | undefined;
  readonly inputCount: number;
}

type Rule = (context: Context) => Shape | undefined;

/**
 * Infers the shapes of all nodes.
 *
 * @param inputShapes shapes to assume for placeholders, by node name, in place of those in the graph.
 * @throws if `inputShapes` names a node that is no placeholder of the graph.
 */
export function inferShapes(
  graph: ModelGraph,
  inputShapes: Readonly<Record<string, Shape | undefined>> = {},
): ShapeMap {
  for (const name of Object.keys(inputShapes)) {
    if (!graph.hasNode(name) || !graph.node(name).op.startsWith('Placeholder')) {
      throw new Error(
        `inputShapes names '${name}', which is no input of the model. Its inputs: ${graph.inputNames().join(', ')}.`,
      );
    }
  }
  const shapes = new Map<string, Shape>();
  const ints = new Map<string, readonly Dim[]>();
  for (const node of topologicalOrder(graph)) {
    const given = Object.hasOwn(inputShapes, node.name) ? inputShapes[node.name] : undefined;
    const inputs = graph.inputs(node);
    const context: Context = {
      node,
      input: (slot) => (inputs[slot]?.output === 0 ? shapes.get(inputs[slot].node) : undefined),
      ints: (slot) => (inputs[slot]?.output === 0 ? ints.get(inputs[slot].node) : undefined),
      inputCount: inputs.length,
    };
    const shape = graph.hasWeight(node.name)
      ? graph.weightShape(node.name)
      : (given ?? (Object.hasOwn(RULES, node.op) ? RULES[node.op](context) : undefined));
    if (shape) shapes.set(node.name, shape);
    const values = integersOf(graph, context);
    if (values) ints.set(node.name, values);
  }
  return shapes;
}

// ---- small integer tensors: the sizes that Reshape and the like are given -----------------------

const MOST_INTEGERS = 16;

function integersOf(graph: ModelGraph, {node, input, ints, inputCount}: Context): readonly Dim[] | undefined {
  if (graph.hasWeight(node.name)) {
    const size = graph.weightShape(node.name).reduce((product, dim) => product * dim, 1);
    const small = graph.weightType(node.name) === 'int32' && size <= MOST_INTEGERS;
    return small ? [...graph.intWeightValues(node.name)] : undefined;
  }
  switch (node.op) {
    case 'Shape':
      return input(0);
    case 'Identity':
    case 'Cast':
      return ints(0);
    case 'Pack': {
      const parts = Array.from({length: inputCount}, (_, slot) => ints(slot));
      return parts.every((part) => part === undefined || part.length === 1)
        ? parts.map((part) => part?.[0] ?? null)
        : undefined;
    }
    case 'StridedSlice': {
      const [values, begin, end, strides] = [ints(0), ints(1)?.[0], ints(2)?.[0], ints(3)?.[0]];
      if (!values || begin == null || end == null || strides !== 1) return undefined;
      const from = readNumber(node, 'begin_mask') ? 0 : begin;
      if (readNumber(node, 'shrink_axis_mask')) return values.slice(from).slice(0, 1);
      return values.slice(from, readNumber(node, 'end_mask') ? undefined : end);
    }
    default:
      return undefined;
  }
}

// ---- rules by op --------------------------------------------------------------------------------

const sameAsInput: Rule = ({input}) => input(0);

const isNhwc = (node: GraphNode) => readDataFormat(node) === 'NHWC';

function windowSize(size: Dim, kernel: number, stride: number, pads: 'same' | 'valid' | [number, number]): Dim {
  if (size === null) return null;
  if (pads === 'same') return Math.ceil(size / stride);
  const padded = pads === 'valid' ? size : size + pads[0] + pads[1];
  return Math.max(0, Math.floor((padded - kernel) / stride) + 1);
}

/** Height and width after a window (a filter or a pool) has moved over an NHWC tensor. */
function windowed({node, input}: Context, kernel: readonly [number, number]): [Dim, Dim] {
  const shape = input(0);
  const strides = readSpatial(node, 'strides');
  const dilations = readSpatial(node, 'dilations');
  const padding = readPadding(node);
  const along = (axis: 0 | 1): Dim => {
    const pads = typeof padding === 'string' ? padding : padding[axis + 1];
    const extent = (kernel[axis] - 1) * dilations[axis] + 1;
    return windowSize(shape?.[axis + 1] ?? null, extent, strides[axis], pads);
  };
  return [along(0), along(1)];
}

const convolution =
  (depthwise: boolean): Rule =>
  (context) => {
    const filter = context.input(1);
    // tfjs also takes a single image without a batch; nobody's converter writes that.
    if (!isNhwc(context.node) || filter?.length !== 4 || (context.input(0)?.length ?? 4) !== 4) return undefined;
    const [kh, kw, inChannels, last] = filter as readonly number[];
    const channels = depthwise ? inChannels * last : last;
    return [context.input(0)?.[0] ?? null, ...windowed(context, [kh, kw]), channels];
  };

const pool: Rule = (context) => {
  const shape = context.input(0);
  const ksize = readNumbers(context.node, 'ksize');
  if (!isNhwc(context.node) || shape?.length !== 4 || ksize.length !== 4) return undefined;
  return [shape[0], ...windowed(context, [ksize[1], ksize[2]]), shape[3]];
};

const pad: Rule = ({input, ints}) => {
  const pads = ints(1);
  return input(0)?.map((dim, axis) => {
    const [before, after] = [pads?.[2 * axis] ?? null, pads?.[2 * axis + 1] ?? null];
    return dim === null || before === null || after === null ? null : dim + before + after;
  });
};

const broadcast: Rule = ({input}) => {
  const [a, b] = [input(0), input(1)];
  if (!a || !b) return undefined;
  const rank = Math.max(a.length, b.length);
  return Array.from({length: rank}, (_, i) => {
    const x = a.length - rank + i < 0 ? 1 : a[a.length - rank + i];
    const y = b.length - rank + i < 0 ? 1 : b[b.length - rank + i];
    if (x === 1) return y;
    if (y === 1) return x;
    return x ?? y;
  });
};

const concat: Rule = ({input, ints, inputCount}) => {
  const axis = ints(inputCount - 1)?.[0];
  const parts = Array.from({length: inputCount - 1}, (_, slot) => input(slot));
  const first = parts.find((part) => part !== undefined);
  if (axis == null || !first) return undefined;
  const at = axis < 0 ? axis + first.length : axis;
  return first.map((dim, i) => {
    if (i !== at) return parts.reduce<Dim>((known, part) => known ?? part?.[i] ?? null, dim);
    return parts.reduce<Dim>((sum, part) => (sum === null || part?.[i] == null ? null : sum + part[i]), 0);
  });
};

const resize: Rule = ({input, ints}) => {
  const [shape, size] = [input(0), ints(1)];
  return shape?.length === 4 ? [shape[0], size?.[0] ?? null, size?.[1] ?? null, shape[3]] : undefined;
};

const reduce: Rule = ({node, input, ints}) => {
  const [shape, axes] = [input(0), ints(1)];
  if (!shape || !axes || axes.includes(null)) return undefined;
  const reduced = new Set(axes.map((axis) => (axis! < 0 ? axis! + shape.length : axis)));
  if (readFlag(node, 'keep_dims')) return shape.map((dim, i) => (reduced.has(i) ? 1 : dim));
  return shape.filter((_, i) => !reduced.has(i));
};

const reshape: Rule = ({input, ints}) => {
  const [shape, target] = [input(0), ints(1)];
  if (!target) return undefined;
  const product = (dims: Shape) => dims.reduce<Dim>((sum, d) => (sum === null || d === null ? null : sum * d), 1);
  if (!target.includes(-1)) return target;
  // One dimension is -1: what is left of the input's size.
  const rest = product(target.filter((dim) => dim !== -1));
  const size = shape ? product(shape) : null;
  return target.map((dim) => (dim !== -1 ? dim : size === null || rest === null || rest === 0 ? null : size / rest));
};

/** The axes that a Squeeze names (negative ones count from the end); empty where it takes all of size 1. */
export function readSqueezeAxes(node: GraphNode): number[] {
  const axes = readNumbers(node, 'axis');
  return axes.length > 0 ? axes : readNumbers(node, 'squeeze_dims');
}

const squeeze: Rule = ({node, input}) => {
  const shape = input(0);
  if (!shape) return undefined;
  const axes = readSqueezeAxes(node).map((axis) => (axis < 0 ? axis + shape.length : axis));
  if (axes.length > 0) return shape.filter((_, i) => !axes.includes(i));
  return shape.includes(null) ? undefined : shape.filter((dim) => dim !== 1);
};

const expandDims: Rule = ({input, ints}) => {
  const [shape, axis] = [input(0), ints(1)?.[0]];
  if (!shape || axis == null) return undefined;
  const at = axis < 0 ? axis + shape.length + 1 : axis;
  return [...shape.slice(0, at), 1, ...shape.slice(at)];
};

const matMul =
  (transposeA: string, transposeB: string): Rule =>
  ({node, input}) => {
    const [a, b] = [input(0), input(1)];
    if (!a || !b || a.length < 2 || b.length < 2) return undefined;
    const rows = a[a.length - (readFlag(node, transposeA) ? 1 : 2)];
    const columns = b[b.length - (readFlag(node, transposeB) ? 2 : 1)];
    const batch = a.length >= b.length ? a : b;
    return [...batch.slice(0, -2), rows, columns];
  };

/** DepthToSpace (`toSpace`) moves channels into pixels, SpaceToDepth pixels into channels. */
const blocks =
  (toSpace: boolean): Rule =>
  ({node, input}) => {
    const shape = input(0);
    const size = readNumber(node, 'block_size');
    if (!isNhwc(node) || shape?.length !== 4 || !size) return undefined;
    const scale = (dim: Dim, factor: number) => (dim === null ? null : dim * factor);
    const [batch, height, width, channels] = shape;
    const factor = toSpace ? size : 1 / size;
    return [batch, scale(height, factor), scale(width, factor), scale(channels, 1 / (factor * factor))];
  };

const transposeRule: Rule = ({input, ints}) => {
  const [shape, order] = [input(0), ints(1)];
  return shape && order && !order.includes(null) ? order.map((axis) => shape[axis!]) : undefined;
};

const tile: Rule = ({input, ints}) => {
  const times = ints(1);
  return input(0)?.map((dim, axis) => (dim === null || times?.[axis] == null ? null : dim * times[axis]));
};

const transposedConvolution: Rule = ({node, ints}) => {
  const size = ints(0);
  return isNhwc(node) && size?.length === 4 ? size : undefined;
};

const named = (ops: Iterable<string>, rule: Rule): Record<string, Rule> =>
  Object.fromEntries([...ops].map((op) => [op, rule]));

const RULES: Readonly<Record<string, Rule>> = {
  ...named(UNARY_OPS, sameAsInput),
  ...named(['Prelu', 'BiasAdd', 'Softmax', 'LogSoftmax', 'ClipByValue'], sameAsInput),
  ...named(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'], sameAsInput),
  ...named(BINARY_OPS, broadcast),
  ...named(['Conv2D', '_FusedConv2D'], convolution(false)),
  ...named(['DepthwiseConv2d', 'DepthwiseConv2dNative', 'FusedDepthwiseConv2dNative'], convolution(true)),
  ...named(['MaxPool', 'AvgPool'], pool),
  ...named(['Pad', 'PadV2', 'MirrorPad'], pad),
  ...named(['ResizeBilinear', 'ResizeNearestNeighbor'], resize),
  ...named(REDUCTION_OPS, reduce),
  ...named(['MatMul', '_FusedMatMul'], matMul('transpose_a', 'transpose_b')),
  ...named(['BatchMatMul', 'BatchMatMulV2'], matMul('adj_x', 'adj_y')),
  // tfjs adds tensors of one shape only.
  AddN: ({input, inputCount}) =>
    Array.from({length: inputCount}, (_, slot) => input(slot)).find((shape) => shape !== undefined),
  ConcatV2: concat,
  Reshape: reshape,
  Squeeze: squeeze,
  ExpandDims: expandDims,
  Transpose: transposeRule,
  Tile: tile,
  DepthToSpace: blocks(true),
  SpaceToDepth: blocks(false),
  Conv2DBackpropInput: transposedConvolution,
  Placeholder: ({node}) => readShape(node, 'shape')?.map((dim) => (dim < 0 ? null : dim)),
  PlaceholderWithDefault: ({node}) => readShape(node, 'shape')?.map((dim) => (dim < 0 ? null : dim)),
};
