/**
 * Channel coupling: which channels of a graph have to come in one order, and all tensors and constants that have them
 * (Lin et al., arXiv 2105.14713, section 3.3: the inputs of the next layer follow).
 */
import {fixAxis, resolveAxis, type Cell, type ChannelAxis} from './channelAxis';
import {CouplingOp, type CoupledConstant, type CouplingState, type Layout} from './couplingOp';
import {coupleChannels} from './couplingRules';
import type {ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, MATMUL_OPS} from './opFamilies';
import type {ShapeMap} from './shapes';
import {topologicalOrder} from './topologicalOrder';

/** Output channels of a convolution or matrix product that belong to a group. */
export interface GroupProducer {
  readonly name: string;
  /** The first of them: channel `c` of the group is `from + c * multiplier` and the `multiplier - 1` next ones. */
  readonly from: number;
  readonly multiplier: number;
}

/** Channels that come in one order wherever they occur. Any order of them leaves what the model computes as it is. */
export interface ChannelGroup {
  /** At least 2. */
  readonly channels: number;
  /** At least one. A layer may come twice, where two stretches of its channels are tied to each other. */
  readonly producers: readonly GroupProducer[];
}

/** A stretch of an axis: the channels of a group, `multiplier` entries each, or entries that keep their place. */
export interface ChannelRun {
  readonly group: ChannelGroup | null;
  readonly channels: number;
  readonly multiplier: number;
}

/** An axis with channels of groups along it: the runs that fill it. */
export interface GroupedAxis {
  readonly axis: number;
  readonly runs: readonly ChannelRun[];
}

/** One of a node's outputs. */
export interface GroupedTensor {
  readonly node: string;
  readonly output: number;
  /** The node has no other output. */
  readonly isSole: boolean;
  readonly axes: readonly GroupedAxis[];
}

/** A constant that follows, for the inputs named alone; another entry may tell what the same constant is elsewhere. */
export interface GroupedConstant {
  readonly weight: string;
  readonly uses: CoupledConstant['uses'];
  readonly axes: readonly GroupedAxis[];
}

/** The groups of a graph and where their channels are. */
export interface ChannelGroups {
  readonly groups: readonly ChannelGroup[];
  /** Why none of its output channels is in a group, by convolution or matrix product. */
  readonly fixed: ReadonlyMap<string, string>;
  readonly tensors: readonly GroupedTensor[];
  readonly constants: readonly GroupedConstant[];
}

/**
 * Finds the groups of a graph's channels. Outputs and inputs of the model and what library functions use keep their
 * order, and so does whatever meets an op that is not known here.
 *
 * @param shapes of the graph.
 */
export function findChannelGroups(graph: ModelGraph, shapes: ShapeMap): ChannelGroups {
  const state: CouplingState = {
    graph,
    shapes,
    layouts: new Map(),
    filters: new Map(),
    broadcast: [],
    producers: new Map(),
    stopped: new Map(),
    late: [],
  };
  const nodes = topologicalOrder(graph).filter(({name}) => graph.isLive(name) && !graph.hasWeight(name));
  for (const node of nodes) state.layouts.set(node.name, coupleChannels(new CouplingOp(state, node)));
  fixDeclared(state);
  return collectGroups(
    state,
    nodes.filter(({op}) => CONVOLUTION_OPS.has(op) || MATMUL_OPS.has(op)).map(({name}) => name),
  );
}

function fixDeclared({graph, layouts, late}: CouplingState): void {
  const fix = (layout: Layout | undefined, reason: string) => layout?.forEach((axis) => axis && fixAxis(axis, reason));
  for (const {ref, reason} of late) fix(layouts.get(ref.node)?.[ref.output], reason);
  for (const [name, outputs] of layouts) {
    const why = graph.isOutput(name)
      ? `its channels reach '${name}', an output of the model`
      : graph.isPinned(name)
        ? `'${name}' is used by a library function or the initializer`
        : graph.isInput(name) && `'${name}' is an input of the model`;
    if (why) for (const output of outputs) fix(output, why);
  }
}

function collectGroups(
  {layouts, filters, broadcast, producers, stopped}: CouplingState,
  layers: string[],
): ChannelGroups {
  const byCell = new Map<Cell, ChannelGroup & {producers: GroupProducer[]}>();
  const fixed = new Map<string, string>();
  for (const name of layers) {
    const axis = producers.get(name);
    if (axis) addProducer(byCell, fixed, name, axis);
    else fixed.set(name, stopped.get(name) ?? `'${name}' has no constant filter`);
  }

  const grouped = (layout: Layout | undefined): GroupedAxis[] =>
    (layout ?? []).flatMap((runs, axis) => {
      const resolved = (runs ? resolveAxis(runs) : []).map(({cell, multiplier}) => ({
        group: byCell.get(cell) ?? null,
        channels: cell.channels,
        multiplier,
      }));
      return resolved.some(({group}) => group) ? [{axis, runs: resolved}] : [];
    });
  const inGroups = <T extends {axes: readonly GroupedAxis[]}>({axes}: T): boolean => axes.length > 0;
  const tensors = [...layouts].flatMap(([node, outputs]) =>
    outputs.map((layout, output) => ({node, output, isSole: outputs.length === 1, axes: grouped(layout)})),
  );
  const constants = [...filters.values(), ...broadcast].map((constant) => ({
    ...constant,
    axes: grouped(constant.axes),
  }));
  return {
    groups: [...byCell.values()],
    fixed,
    tensors: tensors.filter(inGroups),
    constants: constants.filter(inGroups),
  };
}

/** Adds a layer to the groups that its output channels are in, or the reason why there is none. */
function addProducer(
  byCell: Map<Cell, {channels: number; producers: GroupProducer[]}>,
  fixed: Map<string, string>,
  name: string,
  axis: ChannelAxis,
): void {
  let from = 0;
  let reason: string | undefined;
  let free = false;
  for (const {cell, multiplier} of resolveAxis(axis)) {
    reason ??= cell.fixed;
    if (cell.fixed === undefined && cell.channels > 1) {
      free = true;
      const group = byCell.get(cell) ?? {channels: cell.channels, producers: []};
      byCell.set(cell, group);
      group.producers.push({name, from, multiplier});
    }
    from += cell.channels * multiplier;
  }
  if (!free) fixed.set(name, reason ?? `'${name}' has no two output channels that could change places`);
}
