/** One op as the rules of channel coupling see it: where the channels of its inputs are, and what may be asked of them. */
import {axisLength, fixAxis, fixedAxis, freeAxis, unifyAxes, type ChannelAxis} from './channelAxis';
import type {GraphNode, ModelGraph, TensorRef} from './modelGraph';
import type {Dim, ShapeMap} from './shapes';

/** The axes of a tensor: the channels along each, or `null` where nothing that we could rearrange lies along it. */
export type Layout = ReadonlyArray<ChannelAxis | null>;

/** What an op's outputs look like; `undefined` where no channels are in them. */
export type Outputs = ReadonlyArray<Layout | undefined>;

/** A constant as the inputs of some nodes. */
export interface CoupledConstant {
  readonly weight: string;
  readonly uses: Array<{readonly node: string; readonly slot: number}>;
  readonly axes: Layout;
}

/** Looks at an op's inputs, asks of their channels what it has to, and says where these are in the outputs. */
export type CouplingRule = (op: CouplingOp) => Outputs;

/** What is known of a graph's channels while it is looked through. */
export interface CouplingState {
  readonly graph: ModelGraph;
  readonly shapes: ShapeMap;
  /** By node, for all nodes looked at so far. */
  readonly layouts: Map<string, Outputs>;
  /** Filters, by name: all that use one have to agree. */
  readonly filters: Map<string, CoupledConstant>;
  /** Constants that are broadcast: each use may have a copy of its own. */
  readonly broadcast: CoupledConstant[];
  /** The output channels of convolutions and matrix products with a constant filter. */
  readonly producers: Map<string, ChannelAxis>;
  /** Why nothing can pass a node. */
  readonly stopped: Map<string, string>;
  /** Tensors that were used before they were looked at, in loops. */
  readonly late: Array<{readonly ref: TensorRef; readonly reason: string}>;
}

/** One input of an op that broadcasts, or its output. */
export interface Operand {
  readonly slot: number;
  readonly shape: readonly Dim[];
  /** `undefined` for a constant. */
  readonly axes?: Layout;
}

export class CouplingOp {
  readonly inputs: readonly TensorRef[];
  private readonly seen = new Set<number>();
  private readonly taken: Layout[] = [];
  private readonly following = new Map<number, CoupledConstant & {axes: Array<ChannelAxis | null>}>();

  constructor(
    readonly state: CouplingState,
    readonly node: GraphNode,
  ) {
    this.inputs = state.graph.inputs(node);
  }

  /** The numbers of the inputs, from `first` on. */
  slots(first = 0): number[] {
    return [...this.inputs.keys()].slice(first);
  }

  /** The channels of an input; `undefined` where not even its rank is known. */
  layout(slot: number): Layout | undefined {
    this.seen.add(slot);
    const {state, node} = this;
    const ref = this.inputs[slot] as TensorRef | undefined;
    if (!ref) return undefined;
    const outputs = state.layouts.get(ref.node);
    if (outputs === undefined && state.graph.constantBehind(ref.node) === undefined) {
      state.late.push({ref, reason: this.say('depends on their order')});
    }
    const layout = outputs?.[ref.output];
    if (layout) return layout;
    if (ref.output > 0 && outputs) {
      const reason = `'${node.name}' uses output ${ref.output} of '${ref.node}'`;
      for (const output of outputs.slice(0, 1)) output?.forEach((axis) => axis && fixAxis(axis, reason));
      return undefined;
    }
    return state.shapes.get(ref.node)?.map(() => null);
  }

  /** The sizes of an input, along axes of channels known in any case. */
  sizes(slot: number): readonly Dim[] {
    const {node, output} = this.inputs[slot];
    const shape = output === 0 ? this.state.shapes.get(node) : undefined;
    return this.layout(slot)?.map((axis, i) => (axis ? axisLength(axis) : (shape?.[i] ?? null))) ?? [];
  }

  /** A constant input whose axes can be put into any order, for all its uses alike; otherwise as `layout`. */
  filter(slot: number): Layout | undefined {
    const {graph, filters} = this.state;
    const weight = this.constant(slot);
    if (weight === undefined) return this.layout(slot);
    this.seen.add(slot);
    let filter = filters.get(weight);
    if (!filter) {
      const type = graph.weightType(weight);
      const axis =
        type === 'float32' ? freeAxis : (size: number) => fixedAxis(size, this.say(`has a filter of ${type}`));
      filters.set(weight, (filter = {weight, uses: [], axes: graph.weightShape(weight).map(axis)}));
    }
    filter.uses.push({node: this.node.name, slot});
    this.taken.push(filter.axes);
    return filter.axes;
  }

  /** An input that may be broadcast; `undefined` where its rank is unknown. */
  operand(slot: number): Operand | undefined {
    const weight = this.constant(slot);
    if (weight !== undefined) return {slot, shape: this.state.graph.weightShape(weight)};
    const axes = this.layout(slot);
    return axes && {slot, axes, shape: this.sizes(slot)};
  }

  /** The name of a constant input. */
  constant(slot: number): string | undefined {
    const ref = this.inputs[slot] as TensorRef | undefined;
    return ref && this.state.graph.constantBehind(ref.node);
  }

  /** The numbers in a constant input of integers. */
  integers(slot: number): readonly number[] | undefined {
    const {graph} = this.state;
    const name = this.constant(slot);
    return name !== undefined && graph.weightType(name) === 'int32' ? [...graph.intWeightValues(name)] : undefined;
  }

  say(what: string): string {
    return `'${this.node.name}' (${this.node.op}) ${what}`;
  }

  fix(axis: ChannelAxis | null | undefined, what: string): void {
    if (axis) fixAxis(axis, this.say(what));
  }

  /** All channels that come in keep their order, and none go out. */
  stop(what: string): Outputs {
    const coming = this.inputs.flatMap((_, slot) => (this.constant(slot) === undefined ? [this.layout(slot)] : []));
    for (const layout of [...coming, ...this.taken]) layout?.forEach((axis) => this.fix(axis, what));
    this.state.stopped.set(this.node.name, this.say(what));
    return [];
  }

  /** Two axes, of inputs at `slots`, get the same order. */
  couple(a: ChannelAxis | null, b: ChannelAxis | null, slots: readonly [number, number]): void {
    const what = `couples its channels with those of '${this.inputs[slots[a ? 1 : 0]]?.node ?? this.node.name}'`;
    if (a && b && axisLength(a) === axisLength(b)) return unifyAxes(a, b, this.say(what));
    this.fix(a, what);
    this.fix(b, what);
  }

  /** A constant at `slot` follows along its axis `at`. */
  follow(slot: number, at: number, axis: ChannelAxis): void {
    const {graph, broadcast} = this.state;
    const weight = this.constant(slot)!;
    const shape = graph.weightShape(weight);
    const type = graph.weightType(weight);
    if (shape[at] !== axisLength(axis)) return this.fix(axis, `has an input ${slot} that is not per channel`);
    if (type !== 'float32' && type !== 'int32') return this.fix(axis, `has an input ${slot} of type ${type}`);
    let constant = this.following.get(slot);
    if (!constant) {
      constant = {weight, uses: [{node: this.node.name, slot}], axes: shape.map(() => null)};
      this.following.set(slot, constant);
      broadcast.push(constant);
    }
    constant.axes[at] = axis;
  }

  /** Channels in inputs that no rule has looked at. */
  fixUnseen(): void {
    this.inputs.forEach((_, slot) => {
      if (this.seen.has(slot) || this.constant(slot) !== undefined) return;
      this.layout(slot)?.forEach((axis) => this.fix(axis, 'depends on their order'));
    });
  }
}
