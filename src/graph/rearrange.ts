/**
 * Puts groups of channels into another order, with all that has to follow.
 *
 * A node's name is a promise: whoever fetches it gets what the original model gives. So every node whose output comes
 * in the new order gets a new name (suffix `/1xn`), and under the old one stands a GatherV2 that puts the channels
 * back. No output needs these nodes: they cost nothing until somebody fetches them. The same holds for constants.
 */
import {expandOrder, invertOrder, isIdentity, permuteAxis, type ChannelOrder} from '../pruning';
import {intAttr, stringAttr} from './attributes';
import {constantUsers} from './constantUsers';
import type {ChannelGroup, ChannelGroups, ChannelRun, GroupedAxis, GroupedConstant} from './coupling';
import type {GraphNode, ModelGraph} from './modelGraph';

/** A new order for the channels of one group. */
export interface Rearrangement {
  readonly group: ChannelGroup;
  /** `order[position]` is the channel of the group that comes to stand at `position`. */
  readonly order: ChannelOrder;
}

/** One axis of a tensor in a new order. */
interface AxisOrder {
  readonly axis: number;
  readonly order: ChannelOrder;
  /** Tells the order from others, so that equal ones share their index constant. */
  readonly key: string;
}

/** Attribute of a node that gives the old order of channels: the tensor, or node, that has them in the new order. */
export const REARRANGED = '_rearranged';

/** Attribute of such a node where it stands for an output other than its own: that output's old name. */
export const RESTORES = '_restores';

/** Suffix of the nodes whose channels come in a new order. */
const SUFFIX = '/1xn';

/**
 * Rearranges the graph in place.
 *
 * @param found what `findChannelGroups` gives for the graph as it is, before any rearrangement.
 * @param rearrangements groups of `found`; those not named stay as they are.
 * @returns the new name of every renamed node by its old one.
 * @throws RangeError where an order is not one of the group's channels.
 */
export function rearrangeChannels(
  graph: ModelGraph,
  found: ChannelGroups,
  rearrangements: readonly Rearrangement[],
): ReadonlyMap<string, string> {
  const orders = new Map(rearrangements.map(({group, order}) => [group, order]));
  for (const [{channels, producers}, order] of orders) {
    if (order.length !== channels) {
      throw new RangeError(`An order of ${order.length} for the ${channels} channels of '${producers[0].name}'.`);
    }
  }
  const keys = new Map(found.groups.map((group, i) => [group, i]));
  const axisOrders = (axes: readonly GroupedAxis[]): AxisOrder[] =>
    axes.flatMap(({axis, runs}) => {
      const order = orderOfRuns(runs, orders);
      const key = runs.map((run) => `${run.group ? keys.get(run.group) : ''}x${run.multiplier}x${run.channels}`).join();
      return isIdentity(order) ? [] : [{axis, order, key}];
    });

  const restorer = new Restorer(graph);
  const moved = new Map<string, MovedNode>();
  for (const {node: name, output, isSole, axes} of found.tensors) {
    const changed = axisOrders(axes);
    if (changed.length === 0) continue;
    const {outputs} =
      moved.get(name) ?? moved.set(name, {node: graph.node(name), isSole, outputs: new Map()}).get(name)!;
    outputs.set(output, changed);
  }
  for (const change of mergeConstants(found.constants, axisOrders)) permuteConstant(graph, restorer, change);
  const renamed = new Map<string, string>();
  for (const [name, change] of moved) renamed.set(name, renameBehindRestored(graph, restorer, change));
  return renamed;
}

/** The order of an axis that is filled by runs. */
function orderOfRuns(runs: readonly ChannelRun[], orders: ReadonlyMap<ChannelGroup, ChannelOrder>): ChannelOrder {
  const whole: number[] = [];
  for (const {group, channels, multiplier} of runs) {
    const start = whole.length;
    const order = (group && orders.get(group)) ?? Int32Array.from({length: channels}, (_, i) => i);
    for (const entry of expandOrder(order, multiplier)) whole.push(start + entry);
  }
  return Int32Array.from(whole);
}

/** A node whose outputs come in a new order. */
interface MovedNode {
  /** As it was before anything was rearranged. */
  readonly node: GraphNode;
  /** It has no output but the first. */
  readonly isSole: boolean;
  readonly outputs: Map<number, readonly AxisOrder[]>;
}

interface ConstantChange {
  readonly weight: string;
  readonly uses: GroupedConstant['uses'];
  readonly axes: readonly AxisOrder[];
}

/** The constants that change; uses of one in the same order come together. */
function mergeConstants(
  constants: readonly GroupedConstant[],
  axisOrders: (axes: readonly GroupedAxis[]) => AxisOrder[],
): Iterable<ConstantChange> {
  const changes = new Map<string, ConstantChange>();
  for (const {weight, uses, axes: grouped} of constants) {
    const axes = axisOrders(grouped);
    if (axes.length === 0) continue;
    const id = [...axes.map(({axis, key}) => `${axis}: ${key}`), weight].join(' ');
    changes.set(id, {weight, axes, uses: [...(changes.get(id)?.uses ?? []), ...uses]});
  }
  return changes.values();
}

/** Gives some uses of a constant its values in a new order. */
function permuteConstant(graph: ModelGraph, restorer: Restorer, {weight, uses, axes}: ConstantChange): void {
  const shape = graph.weightShape(weight);
  let values = graph.weightType(weight) === 'int32' ? graph.intWeightValues(weight) : graph.weightValues(weight);
  for (const {axis, order} of axes) values = permuteAxis(values, shape, axis, order);

  const users = constantUsers(graph, weight);
  const isFor = ({node, slot}: {node: GraphNode; slot: number}) =>
    uses.some((use) => use.node === node.name && use.slot === slot);
  if (users?.every(isFor)) {
    // Without Identity nodes in between, which so become dormant and keep giving the old order.
    for (const use of uses) setInput(graph, use.node, use.slot, weight);
    const moved = {node: graph.node(weight), isSole: true, outputs: new Map([[0, axes]])};
    graph.setWeight(renameBehindRestored(graph, restorer, moved), values, shape);
  } else {
    // Others use it in the old order: these nodes get a copy.
    const copy = graph.freeName(weight + SUFFIX);
    graph.addWeight(copy, values, shape);
    for (const use of uses) setInput(graph, use.node, use.slot, copy);
  }
}

function setInput(graph: ModelGraph, name: string, slot: number, tensor: string): void {
  const node = graph.node(name);
  graph.replaceNode({...node, input: node.input?.map((old, i) => (i === slot ? tensor : old))});
}

/**
 * Renames a node whose outputs are about to come in a new order, and puts a node of the old name there that gives them
 * in the old one. Dormant nodes keep using the old name.
 */
function renameBehindRestored(graph: ModelGraph, restorer: Restorer, {node, isSole, outputs}: MovedNode): string {
  const {name} = node;
  const dormant = new Set(
    graph.allConsumers(name).flatMap((use) => (graph.isLive(use.node.name) ? [] : [use.node.name])),
  );
  const newName = graph.freeName(name + SUFFIX);
  graph.renameNode(name, newName);
  if (isSole) {
    restorer.restore(newName, name, outputs.get(0)!);
  } else {
    // One node cannot put several outputs back: this one makes them anew, from inputs in the old order.
    graph.addNode({...node, attr: {...node.attr, [REARRANGED]: stringAttr(newName)}});
    for (const [output, axes] of outputs) {
      const suffix = output === 0 ? '' : `:${output}`;
      restorer.restore(newName + suffix, graph.freeName(`${newName}/output${output}`), axes, name + suffix);
    }
  }
  graph.redirect(newName, name, (consumer) => dormant.has(consumer.name));
  return newName;
}

/** Adds the nodes that put channels back into the old order. */
class Restorer {
  private readonly constants = new Map<string, string>();

  constructor(private readonly graph: ModelGraph) {}

  /**
   * Adds a node `target` that gives `source` with its axes in the old order.
   *
   * @param output what it stands for, if not for its own name.
   */
  restore(source: string, target: string, axes: readonly AxisOrder[], output?: string): void {
    axes.forEach(({axis, order, key}, i) => {
      const isLast = i === axes.length - 1;
      const name = isLast ? target : this.graph.freeName(`${target}${SUFFIX}/axis${axis}`);
      const indices = this.constant(key, 'inverse', () => invertOrder(order), [order.length]);
      this.graph.addNode({
        name,
        op: 'GatherV2',
        input: [source, indices, this.constant(String(axis), 'axis', () => Int32Array.of(axis), [])],
        // Who feeds this node in the place of computing it has to be sent to the node behind it: see feeding.ts.
        attr: {
          batch_dims: intAttr(0),
          [REARRANGED]: stringAttr(source),
          ...(isLast && output !== undefined && {[RESTORES]: stringAttr(output)}),
        },
      });
      source = name;
    });
  }

  private constant(key: string, base: string, values: () => Int32Array, shape: readonly number[]): string {
    let name = this.constants.get(key);
    if (name === undefined) {
      name = this.graph.freeName(base + SUFFIX);
      this.constants.set(key, name);
      this.graph.addWeight(name, values(), shape);
    }
    return name;
  }
}
