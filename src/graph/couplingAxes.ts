/** Rules for ops that move, join and cut the axes of tensors: where channels are afterwards. */
import {readNumber} from './attributes';
import {axisLength, fixedAxis, freeAxis, repeatAxis, sliceAxis, type ChannelAxis} from './channelAxis';
import type {CouplingOp, CouplingRule, Layout, Outputs} from './couplingOp';
import {reshapeChannels} from './reshapeChannels';
import {readSqueezeAxes} from './shapes';

const from = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const insertNull = (axes: Layout, at: number): Layout => [...axes.slice(0, at), null, ...axes.slice(at)];

export const reshape: CouplingRule = (op) => {
  const axes = op.layout(0);
  if (!axes?.some((axis) => axis)) return [];
  const target = op.state.shapes.get(op.node.name);
  return target
    ? [reshapeChannels(axes, op.sizes(0), target, op.say('may not keep the channels apart'))]
    : op.stop('gives an unknown shape');
};

export const squeeze: CouplingRule = (op) => {
  const axes = op.layout(0);
  const sizes = op.sizes(0);
  const named = readSqueezeAxes(op.node).map((axis) => from(axis, sizes.length));
  // Without names all of size 1 go: there must be no doubt which.
  if (named.length === 0 && sizes.includes(null)) return op.stop('may remove the channel axis');
  return [axes?.filter((_, i) => !(named.length > 0 ? named.includes(i) : sizes[i] === 1))];
};

export const expandDims: CouplingRule = (op) => {
  const axes = op.layout(0);
  const at = op.integers(1)?.[0];
  if (!axes || at === undefined) return op.stop('has an unknown axis');
  return [insertNull(axes, from(at, axes.length + 1))];
};

export const transpose: CouplingRule = (op) => {
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

export const concat =
  (axisSlot: number): CouplingRule =>
  (op) => {
    const slots = op.slots().filter((slot) => slot !== from(axisSlot, op.inputs.length));
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

export const pack: CouplingRule = (op) => {
  const slots = op.slots();
  const rank = op.layout(0)?.length;
  if (rank === undefined || slots.some((slot) => op.layout(slot)?.length !== rank)) {
    return op.stop('joins tensors of unknown rank');
  }
  const [layout] = join(op, slots, -1, null);
  return [layout && insertNull(layout, from(readNumber(op.node, 'axis') ?? 0, rank + 1))];
};

export const unpack: CouplingRule = (op) => {
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

export const split: CouplingRule = (op) => {
  const parts = readNumber(op.node, 'num_split') ?? 1;
  return cut(op, 1, op.integers(0)?.[0], (length) => Array<number>(parts).fill(length / parts));
};

export const splitV: CouplingRule = (op) => {
  const sizes = op.integers(1);
  if (!sizes) return op.stop('splits by sizes that are no constant');
  const rest = (length: number) => sizes.reduce((left, size) => (size < 0 ? left : left - size), length);
  return cut(op, 0, op.integers(2)?.[0], (length) => sizes.map((size) => (size < 0 ? rest(length) : size)));
};

export const slices: CouplingRule = (op) => {
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

export const stridedSlice: CouplingRule = (op) => {
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

export const tile: CouplingRule = (op) => {
  const axes = op.layout(0);
  const times = op.integers(1);
  if (!axes || !times) return op.stop('repeats an unknown number of times');
  return [axes.map((axis, i) => axis && repeatAxis(axis, times[i]))];
};

export const pad: CouplingRule = (op) => {
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

/** Blocks of pixels go into the batch and come back. */
export const spaceToBatch: CouplingRule = (op) => {
  const blocks = op.integers(1)?.length ?? Infinity;
  const axes = op.layout(0);
  return axes?.some((axis, i) => axis && i <= blocks) ? op.stop('moves channels into the batch') : [axes];
};
