/** What each op does to channels that come in a new order, and what it asks of them. */
import {readDataFormat, readFlag, readNumber, readNumbers} from './attributes';
import {axisLength, freeAxis, multiplyAxis, repeatAxis, type ChannelAxis} from './channelAxis';
import {
  concat,
  expandDims,
  pack,
  pad,
  reshape,
  slices,
  spaceToBatch,
  split,
  splitV,
  squeeze,
  stridedSlice,
  tile,
  transpose,
  unpack,
} from './couplingAxes';
import type {CouplingOp, CouplingRule, Layout, Operand, Outputs} from './couplingOp';
import {BINARY_OPS, CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS, REDUCTION_OPS, UNARY_OPS} from './opFamilies';

/** Looks through one node: where the channels of its inputs are in its outputs. */
export function coupleChannels(op: CouplingOp): Outputs {
  const known = rulesByOp();
  const rule = Object.hasOwn(known, op.node.op) ? known[op.node.op] : undefined;
  const outputs = rule ? rule(op) : op.stop('depends on their order');
  op.fixUnseen();
  return outputs;
}

const follow: CouplingRule = (op) => [op.layout(0)];

const nhwcOnly =
  (rule: CouplingRule): CouplingRule =>
  (op) =>
    readDataFormat(op.node) === 'NHWC' ? rule(op) : op.stop('does not have its channels last (NHWC)');

// ---- element by element -------------------------------------------------------------------------

/** Tensors and constants that are broadcast against each other. */
function broadcast(op: CouplingOp, operands: ReadonlyArray<Operand | undefined>): Outputs {
  const known = operands.filter((operand) => operand !== undefined);
  if (known.length < operands.length) return op.stop('has an input of unknown rank');
  const rank = Math.max(...known.map(({shape}) => shape.length));
  return [
    Array.from({length: rank}, (_, i): ChannelAxis | null => {
      const parts = known.flatMap(({slot, shape, axes}) => {
        const at = i - rank + shape.length;
        return at < 0 || shape[at] === 1 ? [] : [{slot, at, constant: !axes, axis: axes?.[at] ?? null}];
      });
      const first = parts.find(({axis}) => axis);
      if (!first?.axis) return null;
      for (const {slot, at, constant, axis} of parts) {
        if (constant) op.follow(slot, at, first.axis);
        else if (axis !== first.axis) op.couple(first.axis, axis, [first.slot, slot]);
      }
      return first.axis;
    }),
  ];
}

const elementwise =
  (...slots: number[]): CouplingRule =>
  (op) =>
    broadcast(
      op,
      slots.map((slot) => op.operand(slot)),
    );

/** A bias and whatever else is fused into a product, on the product's output. */
const withFused = (op: CouplingOp, axes: Layout): Outputs =>
  broadcast(op, [
    {slot: -1, axes, shape: axes.map((axis) => axis && axisLength(axis))},
    ...op.slots(2).map((slot) => op.operand(slot)),
  ]);

const addN: CouplingRule = (op) =>
  broadcast(
    op,
    op.slots().map((slot) => op.operand(slot)),
  );

// ---- sums over channels -------------------------------------------------------------------------

/** The channels of an image at `slot`; whatever lies along its other axes keeps its order. */
function lastAxis(op: CouplingOp, slot: number): ChannelAxis | null {
  const layout = op.layout(slot) ?? [];
  for (const axis of layout.slice(0, 3)) op.fix(axis, 'moves over them');
  return layout[3] ?? null;
}

/** The layout of an image. */
const pixels = (channels: ChannelAxis | null): Outputs => [[null, null, null, channels]];

/** The filter of an op whose image, at `slot`, has its channels along axis `at` of the filter. */
function meetFilter(op: CouplingOp, slot: number, at: number): Layout | undefined {
  const filter = op.filter(1);
  const input = lastAxis(op, slot);
  if (op.constant(1) === undefined || filter?.length !== 4) return undefined;
  if (input && filter[at] && axisLength(input) !== axisLength(filter[at])) return undefined;
  op.couple(input, filter[at], [slot, 1]);
  return filter;
}

/** Why `meetFilter` found none. */
const noFilter = (op: CouplingOp): Outputs =>
  op.stop(op.constant(1) === undefined ? 'has no constant filter' : 'is grouped or of an unexpected shape');

const convolution: CouplingRule = (op) => {
  const out = meetFilter(op, 0, 2)?.[3];
  if (!out) return noFilter(op);
  op.state.producers.set(op.node.name, out);
  return withFused(op, [null, null, null, out]);
};

const depthwise: CouplingRule = (op) => {
  const filter = meetFilter(op, 0, 2);
  if (!filter?.[2] || !filter[3]) return noFilter(op);
  return withFused(op, [null, null, null, multiplyAxis(filter[2], axisLength(filter[3]))]);
};

const transposedConvolution: CouplingRule = (op) => {
  const filter = meetFilter(op, 2, 3);
  return filter ? pixels(filter[2]) : noFilter(op);
};

const matMul: CouplingRule = (op) => {
  const {node} = op;
  const [a, b] = [op.filter(0), op.filter(1)];
  // Ranks may differ, where a batch is multiplied by one matrix.
  if (!a || !b || a.length < 2 || b.length < 2) return op.stop('does not sum over the last axis for certain');
  const last = ([rows, columns]: Layout, swapped: boolean) => (swapped ? [columns, rows] : [rows, columns]);
  const [rows, k] = last(a.slice(-2), readFlag(node, 'transpose_a') || readFlag(node, 'adj_x'));
  const [kOfB, columns] = last(b.slice(-2), readFlag(node, 'transpose_b') || readFlag(node, 'adj_y'));
  if (k && kOfB && axisLength(k) !== axisLength(kOfB)) return op.stop('has factors that do not fit');
  op.couple(k, kOfB, [0, 1]);
  if (columns && op.constant(1) !== undefined && b.length === 2) op.state.producers.set(node.name, columns);
  for (const axis of b.slice(0, -2)) op.fix(axis, 'has them in its batch');
  const batch = a.length >= b.length ? a.slice(0, -2) : b.slice(0, -2).map(() => null);
  if (b.length > 2) for (const axis of a.slice(0, -2)) op.fix(axis, 'has them in its batch');
  return withFused(op, [...batch, rows, columns]);
};

const reduce: CouplingRule = (op) => {
  const axes = op.layout(0);
  const reduced = op.integers(1);
  if (!axes || !reduced) return op.stop('has unknown axes');
  const gone = new Set(reduced.map((axis) => (axis < 0 ? axis + axes.length : axis)));
  // A sum, mean or maximum over channels is the same in any order.
  return [axes.flatMap((axis, i) => (!gone.has(i) ? [axis] : readFlag(op.node, 'keep_dims') ? [null] : []))];
};

// ---- images -------------------------------------------------------------------------------------

/** Each pixel of a block gets a run of the channels: they come in the same order. */
const depthToSpace: CouplingRule = (op) => {
  const channels = lastAxis(op, 0);
  const blocks = (readNumber(op.node, 'block_size') ?? 1) ** 2;
  const out = channels && freeAxis(axisLength(channels) / blocks);
  if (channels && out) op.couple(channels, repeatAxis(out, blocks), [0, 0]);
  return pixels(out);
};

const resize: CouplingRule = (op) => pixels(lastAxis(op, 0));

const pool: CouplingRule = (op) => {
  const alongChannels = [readNumbers(op.node, 'ksize')[3], readNumbers(op.node, 'strides')[3]];
  return alongChannels.every((size) => size === 1) ? resize(op) : op.stop('pools over channels');
};

const named = (ops: Iterable<string>, rule: CouplingRule): Record<string, CouplingRule> =>
  Object.fromEntries([...ops].map((op) => [op, rule]));

let rules: Readonly<Record<string, CouplingRule>> | undefined;

/** The rules by op; a table that is made at import could not be left out by bundlers. */
const rulesByOp = () =>
  (rules ??= {
    ...named(UNARY_OPS, follow),
    // Softmax over channels gives each channel its own share, whatever their order.
    ...named(['ClipByValue', 'Softmax', 'LogSoftmax'], follow),
    ...named(['ResizeBilinear', 'ResizeNearestNeighbor'], resize),
    ...named(BINARY_OPS, elementwise(0, 1)),
    ...named(['Prelu'], elementwise(0, 1)),
    AddN: addN,
    BiasAdd: nhwcOnly(elementwise(0, 1)),
    ...named(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'], nhwcOnly(elementwise(0, 1, 2, 3, 4))),
    ...named(CONVOLUTION_OPS, nhwcOnly(convolution)),
    ...named(DEPTHWISE_OPS, nhwcOnly(depthwise)),
    Conv2DBackpropInput: nhwcOnly(transposedConvolution),
    ...named(MATMUL_OPS, matMul),
    ...named(REDUCTION_OPS, reduce),
    ...named(['MaxPool', 'AvgPool'], nhwcOnly(pool)),
    ...named(['Pad', 'PadV2', 'MirrorPad'], pad),
    Reshape: reshape,
    Squeeze: squeeze,
    ExpandDims: expandDims,
    Transpose: transpose,
    ConcatV2: concat(-1),
    Concat: concat(0),
    Pack: pack,
    Unpack: unpack,
    Split: split,
    SplitV: splitV,
    Slice: slices,
    StridedSlice: stridedSlice,
    Tile: tile,
    DepthToSpace: nhwcOnly(depthToSpace),
    ...named(['SpaceToBatchND', 'BatchToSpaceND'], spaceToBatch),
    // Only the sizes matter.
    ...named(['Shape', 'Size', 'Rank'], (op) => {
      op.layout(0);
      return [];
    }),
  });
