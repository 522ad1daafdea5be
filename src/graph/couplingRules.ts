/** What each op does to channels that come in a new order, and what it asks of them. */
import {axisLength, fixedAxis, freeAxis, multiplyAxis, repeatAxis, sliceAxis, type ChannelAxis} from './channelAxis';
import {readDataFormat, readFlag, readNumber, readNumbers} from './attributes';
import type {CouplingOp, Layout, Operand, Outputs} from './couplingOp';
import {BINARY_OPS, CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS, REDUCTION_OPS, UNARY_OPS} from './opFamilies';
import {reshapeChannels} from './reshapeChannels';
import {readSqueezeAxes} from './shapes';

type Rule = (op: CouplingOp) => Outputs;

/** Looks through one node: where the channels of its inputs are in its outputs. */
export function coupleChannels(op: CouplingOp): Outputs {
  const rule = Object.hasOwn(RULES, op.node.op) ? RULES[op.node.op] : undefined;
  const outputs = rule ? rule(op) : op.stop('depends on their order');
  op.fixUnseen();
  return outputs;
}

const follow: Rule = (op) => [op.layout(0)];

const nhwcOnly =
  (rule: Rule): Rule =>
  (op) =>
    readDataFormat(op.node) === 'NHWC' ? rule(op) : op.stop('does not have its channels last (NHWC)');

const slotsFrom = (op: CouplingOp, first: number): number[] => [...op.inputs.keys()].slice(first);

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
  (...slots: number[]): Rule =>
  (op) =>
    broadcast(
      op,
      slots.map((slot) => op.operand(slot)),
    );

/** A bias and whatever else is fused into a product, on the product's output. */
const withFused = (op: CouplingOp, axes: Layout): Outputs =>
  broadcast(op, [
    {slot: -1, axes, shape: axes.map((axis) => axis && axisLength(axis))},
    ...slotsFrom(op, 2).map((slot) => op.operand(slot)),
  ]);

const addN: Rule = (op) =>
  broadcast(
    op,
    slotsFrom(op, 0).map((slot) => op.operand(slot)),
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
  if (filter?.length !== 4 || (input && filter[at] && axisLength(input) !== axisLength(filter[at]))) return undefined;
  op.couple(input, filter[at], [slot, 1]);
  return filter;
}

const UNEXPECTED = 'is grouped or of an unexpected shape';

const convolution: Rule = (op) => {
  const filter = meetFilter(op, 0, 2);
  const out = filter?.[3];
  if (!out) return op.stop(UNEXPECTED);
  op.state.producers.set(op.node.name, out);
  return withFused(op, [null, null, null, out]);
};

const depthwise: Rule = (op) => {
  const filter = meetFilter(op, 0, 2);
  if (!filter?.[2] || !filter[3]) return op.stop(UNEXPECTED);
  return withFused(op, [null, null, null, multiplyAxis(filter[2], axisLength(filter[3]))]);
};

const transposedConvolution: Rule = (op) => {
  const filter = meetFilter(op, 2, 3);
  return filter ? pixels(filter[2]) : op.stop(UNEXPECTED);
};

const matMul: Rule = (op) => {
  const {node} = op;
  const [a, b] = [op.filter(0), op.filter(1)];
  // Ranks may differ, where a batch is multiplied by one matrix.
  if (!a || !b || a.length < 2 || b.length < 2) return op.stop('does not sum over the last axis for certain');
  const last = ([rows, columns]: Layout, swapped: boolean) => (swapped ? [columns, rows] : [rows, columns]);
  const [rows, k] = last(a.slice(-2), readFlag(node, 'transpose_a') || readFlag(node, 'adj_x'));
  const [kOfB, columns] = last(b.slice(-2), readFlag(node, 'transpose_b') || readFlag(node, 'adj_y'));
  if (k && kOfB && axisLength(k) !== axisLength(kOfB)) return op.stop(UNEXPECTED);
  op.couple(k, kOfB, [0, 1]);
  if (columns && op.constant(1) !== undefined && b.length === 2) op.state.producers.set(node.name, columns);
  for (const axis of b.slice(0, -2)) op.fix(axis, 'has them in its batch');
  const batch = a.length >= b.length ? a.slice(0, -2) : b.slice(0, -2).map(() => null);
  if (b.length > 2) for (const axis of a.slice(0, -2)) op.fix(axis, 'has them in its batch');
  return withFused(op, [...batch, rows, columns]);
};

const reduce: Rule = (op) => {
  const axes = op.layout(0);
  const reduced = op.integers(1);
  if (!axes || !reduced) return op.stop('has unknown axes');
  const gone = new Set(reduced.map((axis) => (axis < 0 ? axis + axes.length : axis)));
  // A sum, mean or maximum over channels is the same in any order.
  return [axes.flatMap((axis, i) => (!gone.has(i) ? [axis] : readFlag(op.node, 'keep_dims') ? [null] : []))];
};

// ---- axes moved, joined and cut -----------------------------------------------------------------

const from = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const insertNull = (axes: Layout, at: number): Layout => [...axes.slice(0, at), null, ...axes.slice(at)];

const reshape: Rule = (op) => {
  const axes = op.layout(0);
  if (!axes?.some((axis) => axis)) return [];
  const target = op.state.shapes.get(op.node.name);
  return target
    ? [reshapeChannels(axes, op.sizes(0), target, op.say('may not keep the channels apart'))]
    : op.stop('gives an unknown shape');
};

const squeeze: Rule = (op) => {
  const axes = op.layout(0);
  const sizes = op.sizes(0);
  const named = readSqueezeAxes(op.node).map((axis) => from(axis, sizes.length));
  // Without names all of size 1 go: there must be no doubt which.
  if (named.length === 0 && sizes.includes(null)) return op.stop('may remove the channel axis');
  return [axes?.filter((_, i) => !(named.length > 0 ? named.includes(i) : sizes[i] === 1))];
};

const expandDims: Rule = (op) => {
  const axes = op.layout(0);
  const at = op.integers(1)?.[0];
  if (!axes || at === undefined) return op.stop('has an unknown axis');
  return [insertNull(axes, from(at, axes.length + 1))];
};

const transpose: Rule = (op) => {
  const axes = op.layout(0);
  const order = op.integers(1);
  return axes && order ? [order.map((axis) => axes[axis])] : op.stop('has an unknown order of axes');
};

/** Tensors alike in all axes but one. */
function join(op: CouplingOp, slots: readonly number[], except: number, joined: ChannelAxis | null): Outputs {
  const layouts = slots.map((slot) => op.layout(slot)!);
  return [
    layouts[0].map((_, i) => {
      if (i === except) return joined;
      const first = layouts.findIndex((layout) => layout[i]);
      if (first < 0) return null;
      layouts.forEach((layout, part) => {
        if (part !== first) op.couple(layouts[first][i], layout[i], [slots[first], slots[part]]);
      });
      return layouts[first][i];
    }),
  ];
}

const concat =
  (axisSlot: number): Rule =>
  (op) => {
    const slots = slotsFrom(op, 0).filter((slot) => slot !== from(axisSlot, op.inputs.length));
    const layouts = slots.map((slot) => op.layout(slot));
    const axis = op.integers(from(axisSlot, op.inputs.length))?.[0];
    const rank = layouts[0]?.length;
    if (axis === undefined || rank === undefined || layouts.some((layout) => layout?.length !== rank)) {
      return op.stop('joins tensors of unknown rank');
    }
    const at = from(axis, rank);
    if (!layouts.some((layout) => layout![at])) return join(op, slots, at, null);
    const sizes = slots.map((slot) => op.sizes(slot)[at]);
    if (sizes.includes(null)) return op.stop('joins channels of unknown number');
    const parts = layouts.map((layout, part) => {
      const reason = op.say(`joins them with those of '${op.inputs[slots[part]].node}'`);
      return layout![at] ?? fixedAxis(sizes[part]!, reason);
    });
    return join(op, slots, at, parts.flat());
  };

const pack: Rule = (op) => {
  const slots = slotsFrom(op, 0);
  const rank = op.layout(0)?.length;
  if (rank === undefined || slots.some((slot) => op.layout(slot)?.length !== rank)) {
    return op.stop('joins tensors of unknown rank');
  }
  const [layout] = join(op, slots, -1, null);
  return [layout && insertNull(layout, from(readNumber(op.node, 'axis') ?? 0, rank + 1))];
};

const unpack: Rule = (op) => {
  const axes = op.layout(0);
  if (!axes) return op.stop('has an input of unknown rank');
  const at = from(readNumber(op.node, 'axis') ?? 0, axes.length);
  op.fix(axes[at], 'takes the channels apart');
  const count = readNumber(op.node, 'num') ?? op.sizes(0)[at] ?? 0;
  return Array<Layout>(count).fill(axes.filter((_, i) => i !== at));
};

const slice = (op: CouplingOp, axis: ChannelAxis, begin: number, end: number): ChannelAxis =>
  sliceAxis(axis, begin, end, op.say('takes neighbours apart that belong to one channel'));

/** The parts of one axis, each an output. */
function cut(op: CouplingOp, slot: number, axis: number | undefined, sizesOf: (length: number) => readonly number[]) {
  const axes = op.layout(slot);
  if (!axes || axis === undefined) return op.stop('has an unknown axis');
  const at = from(axis, axes.length);
  const channels = axes[at];
  const sizes = sizesOf(channels ? axisLength(channels) : 0);
  let end = 0;
  return sizes.map((size) => {
    const part = channels && slice(op, channels, end, (end += size));
    return axes.map((other, i) => (i === at ? part : other));
  });
}

const split: Rule = (op) => {
  const parts = readNumber(op.node, 'num_split') ?? 1;
  return cut(op, 1, op.integers(0)?.[0], (length) => Array<number>(parts).fill(length / parts));
};

const splitV: Rule = (op) => {
  const sizes = op.integers(1);
  if (!sizes) return op.stop('splits by sizes that are no constant');
  const rest = (length: number) => sizes.reduce((left, size) => (size < 0 ? left : left - size), length);
  return cut(op, 0, op.integers(2)?.[0], (length) => sizes.map((size) => (size < 0 ? rest(length) : size)));
};

const slices: Rule = (op) => {
  const axes = op.layout(0);
  const [begin, size] = [op.integers(1), op.integers(2)];
  if (!axes || !begin || !size) return op.stop('cuts at places that are not known');
  return [
    axes.map((axis, i) => {
      if (!axis) return null;
      return slice(op, axis, begin[i], size[i] < 0 ? axisLength(axis) : begin[i] + size[i]);
    }),
  ];
};

const stridedSlice: Rule = (op) => {
  const axes = op.layout(0);
  if (!axes?.some((axis) => axis)) return [];
  const [begin, end, strides] = [1, 2, 3].map((slot) => op.integers(slot));
  const bits = (name: string, i: number) => (((readNumber(op.node, name) ?? 0) >> i) & 1) === 1;
  const renumbers = ['new_axis_mask', 'ellipsis_mask'].some((name) => readNumber(op.node, name));
  if (!begin || !end || !strides || renumbers) return op.stop('cuts at places that are not known');
  return [
    axes.flatMap((axis, i): Layout => {
      if (i >= begin.length) return [axis];
      const shrinks = bits('shrink_axis_mask', i);
      if (!axis) return shrinks ? [] : [null];
      const length = axisLength(axis);
      const clamp = (place: number) => Math.min(Math.max(from(place, length), 0), length);
      const first = bits('begin_mask', i) ? 0 : clamp(begin[i]);
      const last = bits('end_mask', i) ? length : clamp(end[i]);
      if (!shrinks && strides[i] === 1 && first < last) return [slice(op, axis, first, last)];
      op.fix(axis, 'takes single channels');
      return shrinks ? [] : [null];
    }),
  ];
};

const tile: Rule = (op) => {
  const axes = op.layout(0);
  const times = op.integers(1);
  if (!axes || !times) return op.stop('repeats an unknown number of times');
  return [axes.map((axis, i) => axis && repeatAxis(axis, times[i]))];
};

const pad: Rule = (op) => {
  const pads = op.integers(1);
  const axes = op.layout(0);
  if (!pads || !axes) return op.stop('pads by what is no constant');
  op.layout(2);
  return [
    axes.map((axis, i) => {
      const [before, after] = [pads[2 * i], pads[2 * i + 1]];
      if (!axis || before + after === 0) return axis;
      if (op.node.op === 'MirrorPad') {
        op.fix(axis, 'mirrors the channels');
        return null;
      }
      // Channels of nothing but padding may change places among each other.
      return [freeAxis(before), axis, freeAxis(after)].flat().filter(({cell}) => cell.channels > 0);
    }),
  ];
};

/** DepthToSpace gives each pixel of a block a run of the channels, SpaceToDepth puts those of a block in a row. */
const depthToSpace: Rule = (op) => {
  const channels = lastAxis(op, 0);
  const blocks = (readNumber(op.node, 'block_size') ?? 1) ** 2;
  const out = channels && freeAxis(axisLength(channels) / blocks);
  if (channels && out) op.couple(channels, repeatAxis(out, blocks), [0, 0]);
  return pixels(out);
};

const spaceToDepth: Rule = (op) => {
  const channels = lastAxis(op, 0);
  return pixels(channels && repeatAxis(channels, (readNumber(op.node, 'block_size') ?? 1) ** 2));
};

const resize: Rule = (op) => pixels(lastAxis(op, 0));

const pool: Rule = (op) => {
  const alongChannels = [readNumbers(op.node, 'ksize')[3], readNumbers(op.node, 'strides')[3]];
  return alongChannels.every((size) => size === 1) ? resize(op) : op.stop('pools over channels');
};

/** Blocks of pixels go into the batch and come back. */
const spaceToBatch: Rule = (op) => {
  const blocks = op.integers(1)?.length ?? Infinity;
  const axes = op.layout(0);
  return axes?.some((axis, i) => axis && i <= blocks) ? op.stop('moves channels into the batch') : [axes];
};

const named = (ops: Iterable<string>, rule: Rule): Record<string, Rule> =>
  Object.fromEntries([...ops].map((op) => [op, rule]));

const RULES: Readonly<Record<string, Rule>> = {
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
  SpaceToDepth: nhwcOnly(spaceToDepth),
  ...named(['SpaceToBatchND', 'BatchToSpaceND'], spaceToBatch),
  // Only the sizes matter.
  ...named(['Shape', 'Size', 'Rank'], (op) => {
    op.layout(0);
    return [];
  }),
};
