/**
 * Puts the output channels of convolutions into another order, with all that has to follow.
 *
 * A node's name is a promise: whoever fetches it gets what the original model gives. So every node whose output comes
 * in the new order gets a new name (suffix `/1xn`), and under the old one stands a GatherV2 that puts the channels
 * back. No output needs these nodes: they cost nothing until somebody fetches them. The same holds for constants.
 */
import {expandOrder, invertOrder, permuteAxis, type ChannelOrder} from '../pruning';
import {intAttr, stringAttr} from './attributes';
import type {ChannelGroup, ConstantUse} from './coupling';
import {soleConstant} from './couplingRules';
import type {ModelGraph} from './modelGraph';

/** A new order for the channels of one group. */
export interface Rearrangement {
  readonly group: ChannelGroup;
  /** `order[position]` is the producer's output channel that comes to stand at `position`. */
  readonly order: ChannelOrder;
}

/** One axis of a constant in a new order. */
interface AxisOrder {
  readonly axis: number;
  readonly order: ChannelOrder;
  /** Names the order, so that equal ones share their index constant. */
  readonly key: string;
}

interface ConstantChange {
  readonly node: string;
  readonly slot: number;
  readonly axes: AxisOrder[];
}

/** Attribute of a node that restores the old order of channels: the node that has them in the new order. */
export const REARRANGED = '_rearranged';

/** Suffix of the nodes whose channels come in a new order. */
const SUFFIX = '/1xn';

/**
 * Rearranges the graph in place. Groups come from `followChannels` on the graph as it is, before any rearrangement.
 *
 * @returns the new name of every renamed node by its old one.
 */
export function rearrangeChannels(
  graph: ModelGraph,
  rearrangements: readonly Rearrangement[],
): ReadonlyMap<string, string> {
  const restorer = new Restorer(graph);
  // A filter can change along two axes: as the consumer of one group and the producer of another.
  for (const change of constantChanges(rearrangements)) permuteConstant(graph, restorer, change);
  const renamed = new Map<string, string>();
  for (const {group, order} of rearrangements) {
    for (const {name, multiplier} of group.members) {
      const expanded = expandOrder(order, multiplier);
      const key = orderKey(group, multiplier);
      renamed.set(name, renameBehindRestored(graph, restorer, name, [{axis: -1, order: expanded, key}]));
    }
  }
  return renamed;
}

const orderKey = (group: ChannelGroup, multiplier: number): string =>
  `${group.producer}${SUFFIX}/inverse${multiplier === 1 ? '' : `_x${multiplier}`}`;

function constantChanges(rearrangements: readonly Rearrangement[]): ConstantChange[] {
  const changes = new Map<string, ConstantChange>();
  for (const {group, order} of rearrangements) {
    const filter: ConstantUse = {node: group.producer, slot: 1, axis: 3, multiplier: 1};
    for (const {node, slot, axis, multiplier} of [filter, ...group.constants]) {
      const id = `${slot} ${node}`;
      const change = changes.get(id) ?? {node, slot, axes: []};
      change.axes.push({axis, order: expandOrder(order, multiplier), key: orderKey(group, multiplier)});
      changes.set(id, change);
    }
  }
  return [...changes.values()];
}

/** Gives a node's input the constant it has now in a new order. */
function permuteConstant(graph: ModelGraph, restorer: Restorer, {node, slot, axes}: ConstantChange): void {
  const user = graph.node(node);
  const sole = soleConstant(graph, user, slot);
  const name = sole ?? graph.constantBehind(graph.inputs(user)[slot].node)!;
  const shape = graph.weightShape(name);
  let values = graph.weightType(name) === 'int32' ? graph.intWeightValues(name) : graph.weightValues(name);
  for (const {axis, order} of axes) values = permuteAxis(values, shape, axis, order);

  if (sole !== undefined) {
    // Without Identity nodes in between, which so become dormant and keep giving the old order.
    setInput(graph, node, slot, sole);
    graph.setWeight(renameBehindRestored(graph, restorer, sole, axes), values, shape);
  } else {
    // Others use it in the old order: this node gets a copy.
    const copy = graph.freeName(name + SUFFIX);
    graph.addWeight(copy, values, shape);
    setInput(graph, node, slot, copy);
  }
}

function setInput(graph: ModelGraph, name: string, slot: number, tensor: string): void {
  const node = graph.node(name);
  graph.replaceNode({...node, input: node.input?.map((old, i) => (i === slot ? tensor : old))});
}

/**
 * Renames a node whose output is about to come in a new order, and puts a node of the old name there that restores
 * the old order. Dormant nodes keep using the old name.
 */
function renameBehindRestored(graph: ModelGraph, restorer: Restorer, name: string, axes: readonly AxisOrder[]): string {
  const dormant = new Set(
    graph
      .allConsumers(name)
      .filter(({node}) => !graph.isLive(node.name))
      .map(({node}) => node.name),
  );
  const newName = graph.freeName(name + SUFFIX);
  graph.renameNode(name, newName);
  restorer.restore(newName, name, axes);
  graph.redirect(newName, name, (consumer) => dormant.has(consumer.name));
  return newName;
}

/** Adds the nodes that put channels back into the old order. */
class Restorer {
  private readonly constants = new Map<string, string>();

  constructor(private readonly graph: ModelGraph) {}

  /** Adds a node `target` that gives `source` with its axes in the old order. */
  restore(source: string, target: string, axes: readonly AxisOrder[]): void {
    axes.forEach(({axis, order, key}, i) => {
      const isLast = i === axes.length - 1;
      const name = isLast ? target : this.graph.freeName(`${source}/axis${axis}`);
      const indices = this.constant(key, () => invertOrder(order), [order.length]);
      const axisName = axis === -1 ? 'last' : String(axis);
      this.graph.addNode({
        name,
        op: 'GatherV2',
        input: [source, indices, this.constant(`axis_${axisName}${SUFFIX}`, () => Int32Array.of(axis), [])],
        // Who feeds this node in the place of computing it has to be sent to the node behind it: see feeding.ts.
        attr: {batch_dims: intAttr(0), ...(axes.length === 1 && {[REARRANGED]: stringAttr(source)})},
      });
      source = name;
    });
  }

  private constant(key: string, values: () => Int32Array, shape: readonly number[]): string {
    let name = this.constants.get(key);
    if (name === undefined) {
      name = this.graph.freeName(key);
      this.constants.set(key, name);
      this.graph.addWeight(name, values(), shape);
    }
    return name;
  }
}
