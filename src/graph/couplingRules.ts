/** What each op does to the channels of a tensor that come in a new order. */
import {readDataFormat, readFlag, readNumbers} from './attributes';
import type {GraphNode, ModelGraph} from './modelGraph';
import {BINARY_OPS, CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS, REDUCTION_OPS, UNARY_OPS} from './opFamilies';
import {readSqueezeAxes, type ShapeMap} from './shapes';

/** One use of the channels. */
export interface ChannelUse {
  readonly graph: ModelGraph;
  readonly shapes: ShapeMap;
  readonly node: GraphNode;
  /** The input of `node` that has the channels on its last axis; 'producer' for the convolution that makes them. */
  readonly slot: number | 'producer';
  /** The producer's output channels. */
  readonly channels: number;
  /** The input has `channels * multiplier` channels. */
  readonly multiplier: number;
}

/** What follows from a use. */
export interface Effect {
  /** The node's output has `channels * outputMultiplier` channels in the new order; `undefined`: they end here. */
  readonly outputMultiplier?: number;
  /** Constants of the node that have to follow. */
  readonly constants?: ReadonlyArray<{slot: number; axis: number; multiplier: number}>;
  /** Another tensor that must have the same channels in the same order. */
  readonly partner?: string;
}

/** Why a convolution's output channels have to stay in order. */
export interface Obstacle {
  readonly obstacle: string;
}

type Rule = (use: ChannelUse) => Effect | Obstacle;

/** The effect of a use, or why the channels cannot change their order. */
export function couplingRule(use: ChannelUse): Effect | Obstacle {
  const {node, slot} = use;
  if (slot === 'producer') return perChannelInputs(use, use.multiplier, inputsFrom(use, 2));
  const rule = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
  const takesSlot = slot === 0 || BINARY_OPS.has(node.op);
  if (!rule || !takesSlot) return obstacle(node, 'depends on their order');
  return rule(use);
}

const obstacle = (node: GraphNode, what: string): Obstacle => ({obstacle: `'${node.name}' (${node.op}) ${what}`});

const inputsFrom = ({graph, node}: ChannelUse, first: number): number[] =>
  graph.inputs(node).flatMap((_, slot) => (slot >= first ? [slot] : []));

const inputRank = ({graph, shapes, node, slot}: ChannelUse): number | undefined =>
  slot === 'producer' ? undefined : shapes.get(graph.inputs(node)[slot].node)?.length;

const follow: Rule = ({multiplier}) => ({outputMultiplier: multiplier});

const nhwcOnly =
  (rule: Rule): Rule =>
  (use) =>
    readDataFormat(use.node) === 'NHWC' ? rule(use) : obstacle(use.node, 'does not have its channels last (NHWC)');

/** The output follows, and so do the constants at `slots`: one value a channel, or one for all. */
function perChannelInputs(use: ChannelUse, multiplier: number, slots: readonly number[]): Effect | Obstacle {
  const {graph, node, channels} = use;
  const constants: Array<{slot: number; axis: number; multiplier: number}> = [];
  for (const slot of slots) {
    const name = graph.constantBehind(graph.inputs(node)[slot].node);
    if (name === undefined) return obstacle(node, `has an input ${slot} that is no constant`);
    const last = graph.weightShape(name).at(-1) ?? 1;
    if (last === 1) continue;
    if (last !== channels * multiplier) return obstacle(node, `has an input ${slot} that is not per channel`);
    const type = graph.weightType(name);
    if (type !== 'float32' && type !== 'int32') return obstacle(node, `has an input ${slot} of type ${type}`);
    constants.push({slot, axis: -1, multiplier});
  }
  return {outputMultiplier: multiplier, constants};
}

const perChannel =
  (...slots: number[]): Rule =>
  (use) =>
    perChannelInputs(use, use.multiplier, slots);

/** The constant filter at input 1, if it is of the wanted size along `axis` and nothing else uses it. */
function filterOf({graph, node}: ChannelUse, axis: number, size: number, rank: number): readonly number[] | Obstacle {
  const name = soleConstant(graph, node, 1);
  if (name === undefined) return obstacle(node, 'has no constant filter of its own');
  const shape = graph.weightShape(name);
  if (shape.length !== rank || shape[axis] !== size) return obstacle(node, 'is grouped or of an unexpected shape');
  return shape;
}

const depthwise: Rule = (use) => {
  const filter = filterOf(use, 2, use.channels * use.multiplier, 4);
  if ('obstacle' in filter) return filter;
  const effect = perChannelInputs(use, use.multiplier * filter[3], inputsFrom(use, 2));
  if ('obstacle' in effect) return effect;
  return {...effect, constants: [{slot: 1, axis: 2, multiplier: use.multiplier}, ...(effect.constants ?? [])]};
};

const convolution: Rule = (use) => {
  const filter = filterOf(use, 2, use.channels * use.multiplier, 4);
  return 'obstacle' in filter ? filter : {constants: [{slot: 1, axis: 2, multiplier: use.multiplier}]};
};

const matMul: Rule = (use) => {
  const {node, channels, multiplier} = use;
  const rank = inputRank(use);
  const isMatrix = rank === 2 || (node.op.startsWith('Batch') && rank !== undefined && rank > 2);
  if (!isMatrix || readFlag(node, 'transpose_a') || readFlag(node, 'adj_x')) {
    return obstacle(node, 'does not sum over the last axis for certain');
  }
  const axis = readFlag(node, 'transpose_b') || readFlag(node, 'adj_y') ? 1 : 0;
  const weights = filterOf(use, axis, channels * multiplier, 2);
  return 'obstacle' in weights ? weights : {constants: [{slot: 1, axis, multiplier}]};
};

const binary: Rule = (use) => {
  const {graph, node, slot, multiplier} = use;
  const other = slot === 0 ? 1 : 0;
  const {node: partner, output} = graph.inputs(node)[other];
  const constant = graph.constantBehind(partner);
  if (constant === undefined) {
    return output === 0
      ? {outputMultiplier: multiplier, partner}
      : obstacle(node, `uses output ${output} of '${partner}'`);
  }
  // A constant of higher rank would shift the axes of the result.
  if (graph.weightShape(constant).length > Math.max(1, inputRank(use) ?? 0)) {
    return obstacle(node, 'has a constant of higher rank');
  }
  return perChannelInputs(use, multiplier, [other]);
};

const pool: Rule = (use) => {
  const alongChannels = [readNumbers(use.node, 'ksize')[3], readNumbers(use.node, 'strides')[3]];
  return alongChannels.every((size) => size === 1) ? follow(use) : obstacle(use.node, 'pools over channels');
};

const pad: Rule = (use) => {
  const pads = constantIntegers(use, 1);
  if (!pads) return obstacle(use.node, 'pads by what is no constant');
  return pads.at(-1) === 0 && pads.at(-2) === 0 ? follow(use) : obstacle(use.node, 'pads the channels');
};

const reduce: Rule = (use) => {
  const rank = inputRank(use);
  const axes = constantIntegers(use, 1);
  if (!rank || !axes) return obstacle(use.node, 'has unknown axes');
  return axes.some((axis) => axis === -1 || axis === rank - 1)
    ? obstacle(use.node, 'reduces the channels')
    : follow(use);
};

const squeeze: Rule = (use) => {
  const rank = inputRank(use);
  const axes = readSqueezeAxes(use.node);
  // Without axes only those of size 1 go, and a tensor with one channel has no order to follow.
  if (axes.length > 0 && (!rank || axes.some((axis) => axis === -1 || axis === rank - 1))) {
    return obstacle(use.node, 'may remove the channel axis');
  }
  return follow(use);
};

const reshape: Rule = (use) => {
  // Row-major: as long as the last axis keeps its length, it keeps its meaning.
  const last = use.shapes.get(use.node.name)?.at(-1);
  return last === use.channels * use.multiplier ? follow(use) : obstacle(use.node, 'may not keep the channels last');
};

function constantIntegers({graph, node}: ChannelUse, slot: number): Int32Array | undefined {
  const ref = graph.inputs(node)[slot];
  const name = ref && graph.constantBehind(ref.node);
  return name !== undefined && graph.weightType(name) === 'int32' ? graph.intWeightValues(name) : undefined;
}

/**
 * The constant at an input of a node, if this input is all that uses it (a chain of Identity nodes between them is
 * allowed) and it is neither an output of the model nor used by a library function.
 */
export function soleConstant(graph: ModelGraph, node: GraphNode, slot: number): string | undefined {
  let name: string | undefined = graph.inputs(node)[slot]?.node;
  if (name === undefined || graph.constantBehind(name) === undefined) return undefined;
  for (;;) {
    if (graph.consumers(name).length !== 1 || graph.isOutput(name) || graph.isPinned(name)) return undefined;
    if (graph.hasWeight(name)) return name;
    name = graph.inputs(graph.node(name))[0].node;
  }
}

const named = (ops: Iterable<string>, rule: Rule): Record<string, Rule> =>
  Object.fromEntries([...ops].map((op) => [op, rule]));

const RULES: Readonly<Record<string, Rule>> = {
  ...named(UNARY_OPS, follow),
  ...named(BINARY_OPS, binary),
  ...named(CONVOLUTION_OPS, nhwcOnly(convolution)),
  ...named(DEPTHWISE_OPS, nhwcOnly(depthwise)),
  ...named(MATMUL_OPS, matMul),
  ...named(REDUCTION_OPS, reduce),
  ...named(['MaxPool', 'AvgPool'], nhwcOnly(pool)),
  ...named(['Pad', 'PadV2', 'MirrorPad'], pad),
  ...named(['ResizeBilinear', 'ResizeNearestNeighbor', 'ClipByValue'], follow),
  ...named(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'], nhwcOnly(perChannel(1, 2, 3, 4))),
  BiasAdd: nhwcOnly(perChannel(1)),
  Prelu: perChannel(1),
  Squeeze: squeeze,
  Reshape: reshape,
  // Only the sizes matter.
  ...named(['Shape', 'Size', 'Rank'], () => ({})),
};
