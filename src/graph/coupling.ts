/**
 * Channel coupling: where the output channels of a convolution go, and which constants have to follow when they are
 * put into another order (Lin et al., arXiv 2105.14713, section 3.3: the inputs of the next layer follow).
 */
import {couplingRule, type Effect, type Obstacle} from './couplingRules';
import type {GraphNode, ModelGraph} from './modelGraph';
import type {ShapeMap} from './shapes';

/** A constant that has to follow: the one at input `slot` of `node`, along `axis`. */
export interface ConstantUse {
  readonly node: string;
  readonly slot: number;
  readonly axis: number;
  /** Neighbouring entries that move together: the product of the depthwise multipliers on the way. */
  readonly multiplier: number;
}

/** A node whose output has the producer's channels on its last axis. */
export interface GroupMember {
  readonly name: string;
  /** The node has `channels * multiplier` channels; those of one producer channel are neighbours. */
  readonly multiplier: number;
}

/** All that has to follow when one convolution's output channels change their order. */
export interface ChannelGroup {
  readonly producer: string;
  /** The producer's output channels. */
  readonly channels: number;
  /** The nodes whose outputs come in the new order, the producer first. */
  readonly members: readonly GroupMember[];
  /** The constants that follow, without the producer's own filter. */
  readonly constants: readonly ConstantUse[];
}

/**
 * Follows the output channels of a convolution to all that uses them.
 *
 * @param producer a live Conv2D or _FusedConv2D in NHWC.
 * @param channels its output channels.
 * @returns what has to follow, or the first obstacle met.
 */
export function followChannels(
  graph: ModelGraph,
  shapes: ShapeMap,
  producer: GraphNode,
  channels: number,
): ChannelGroup | Obstacle {
  const multipliers = new Map<string, number>();
  const constants: ConstantUse[] = [];
  const partners: Array<{node: GraphNode; partner: string; multiplier: number}> = [];
  const pending: string[] = [];

  const join = (node: GraphNode, multiplier: number, effect: Effect): void => {
    for (const use of effect.constants ?? []) constants.push({node: node.name, ...use});
    if (effect.partner !== undefined) partners.push({node, partner: effect.partner, multiplier});
    if (effect.outputMultiplier === undefined) return;
    multipliers.set(node.name, effect.outputMultiplier);
    pending.push(node.name);
  };

  const start = couplingRule({graph, shapes, node: producer, slot: 'producer', channels, multiplier: 1});
  if ('obstacle' in start) return start;
  join(producer, 1, start);

  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (graph.isOutput(name)) return {obstacle: `its channels reach '${name}', an output of the model`};
    if (graph.isPinned(name)) return {obstacle: `'${name}' is used by a library function or the initializer`};
    const multiplier = multipliers.get(name)!;
    for (const {node, slot, ref} of graph.consumers(name)) {
      if (ref.control) continue;
      if (ref.output !== 0) return {obstacle: `'${node.name}' uses output ${ref.output} of '${name}'`};
      const effect = couplingRule({graph, shapes, node, slot, channels, multiplier});
      if ('obstacle' in effect) return effect;
      // The second input of a node that is in the group already was announced as its partner.
      if (!multipliers.has(node.name)) join(node, multiplier, effect);
    }
  }

  for (const {node, partner, multiplier} of partners) {
    if (multipliers.get(partner) !== multiplier) {
      return {obstacle: `'${node.name}' (${node.op}) couples its channels with those of '${partner}'`};
    }
  }
  const members = [...multipliers].map(([name, multiplier]) => ({name, multiplier}));
  return {producer: producer.name, channels, members, constants};
}
