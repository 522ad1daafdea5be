/**
 * Folds what scales and shifts a convolution's output channel by channel
 * (BiasAdd, Add, Sub, Mul, division by constants, batch normalisation in
 * inference) into its filter and bias, and additions after a matrix product
 * into its bias.
 */
import {typeAttr} from '../attributes';
import {parseRef, type GraphNode, type ModelGraph} from '../modelGraph';
import {absorb, soleConsumer, type PassResult, type Remark} from './absorb';
import {compose, identityAffine, readAffine, type Affine} from './affine';
import {readLayer, writeLayer, type Layer} from './layer';

/** Scales outside this range could not be undone in float32 with the filter's precision. */
const SMALLEST_SCALE = 1e-6;
const LARGEST_SCALE = 1e6;

interface Chain {
  /** The nodes after the layer, in order. */
  readonly nodes: readonly GraphNode[];
  readonly total: Affine;
  /** Why the chain ends before the next affine node, if it does. */
  readonly stop?: Remark;
}

export function foldAffine(graph: ModelGraph): PassResult {
  const changes: Remark[] = [];
  const leftAlone: Remark[] = [];
  for (const node of graph.allNodes()) {
    const layer = graph.isLive(node.name) ? readLayer(graph, node) : undefined;
    if (layer === undefined || layer.activation !== 'linear') continue;
    const chain = followChain(graph, layer);
    if (chain.stop) leftAlone.push(chain.stop);
    if (chain.nodes.length === 0) continue;
    fold(graph, layer, chain);
    const names = chain.nodes.map((folded) => `${folded.op} '${folded.name}'`);
    changes.push({node: node.name, what: `folded ${names.join(', ')} into filter and bias`});
  }
  return {changes, leftAlone};
}

function followChain(graph: ModelGraph, layer: Layer): Chain {
  const rank = layer.kind === 'matmul' ? 2 : 4;
  const biasName = layer.bias === undefined ? undefined : graph.constantBehind(parseRef(layer.bias).node);
  if (layer.bias !== undefined && (biasName === undefined || !isVector(graph, biasName, layer.channels))) {
    return {nodes: [], total: identityAffine(layer.channels)};
  }
  const nodes: GraphNode[] = [];
  let total = identityAffine(layer.channels);
  for (let current = layer.node; ; current = nodes[nodes.length - 1]) {
    const use = soleConsumer(graph, current.name);
    const step = use && readAffine(graph, use, layer.channels, rank);
    if (use === undefined || step === undefined) return {nodes, total};
    const next = compose(total, step);
    const reason = obstacle(graph, layer, next);
    if (reason !== undefined) {
      return {nodes, total, stop: {node: use.node.name, what: `${use.node.op} not folded: ${reason}`}};
    }
    nodes.push(use.node);
    total = next;
  }
}

/** Why an affine map cannot become part of the layer; `undefined` where it can. */
function obstacle(graph: ModelGraph, layer: Layer, {scale, offset}: Affine): string | undefined {
  if (isOnes(scale)) return offset.every(Number.isFinite) ? undefined : 'an offset is not finite';
  if (layer.kind === 'matmul') return 'scales are folded into convolutions only';
  const bad = scale.findIndex((s) => !(Math.abs(s) >= SMALLEST_SCALE && Math.abs(s) <= LARGEST_SCALE));
  if (bad !== -1) return `the scale of channel ${bad} is ${scale[bad]}, which cannot be undone exactly`;
  if (!offset.every(Number.isFinite)) return 'an offset is not finite';
  return sharedFilter(graph, layer);
}

/** Why the filter may not be replaced: somebody else uses it. */
function sharedFilter(graph: ModelGraph, layer: Layer): string | undefined {
  for (let name = parseRef(layer.filter).node; ; name = graph.inputs(graph.node(name))[0].node) {
    if (soleConsumer(graph, name) === undefined) return `the filter '${name}' has other users`;
    if (graph.hasWeight(name)) return graph.node(name).op === 'Const' ? undefined : `the filter '${name}' is no Const`;
  }
}

function fold(graph: ModelGraph, layer: Layer, {nodes, total}: Chain): void {
  const last = nodes[nodes.length - 1];
  const filter = isOnes(total.scale) ? layer.filter : scaleFilter(graph, layer, total.scale);
  const bias = foldBias(graph, layer, nodes, total);
  absorb(graph, layer.node.name, writeLayer(layer, last.name, {filter, bias}));
}

/**
 * Multiplies the filter by the scales under a new name and returns that. The
 * old name becomes a dormant node that divides them out again, so that the
 * layer before folding and the filter itself can still be fetched without a
 * second copy of the filter.
 */
function scaleFilter(graph: ModelGraph, layer: Layer, scale: Float64Array): string {
  const name = graph.constantBehind(parseRef(layer.filter).node) ?? layer.filter;
  const shape = graph.weightShape(name);
  // The channels are the innermost dimension, a depthwise filter's the innermost two.
  const scaled = graph.weightValues(name);
  for (let row = 0; row < scaled.length; row += scale.length) {
    for (let c = 0; c < scale.length; c++) scaled[row + c] *= scale[c];
  }
  const folded = graph.freeName(`${name}/folded`);
  const inverse = graph.freeName(`${name}/unscale`);
  graph.addWeight(folded, scaled, shape);
  graph.addWeight(
    inverse,
    Float32Array.from(scale, (s) => 1 / s),
    shape.slice(layer.kind === 'depthwise' ? 2 : 3),
  );
  graph.replaceWeight({name, op: 'Mul', input: [folded, inverse], attr: {T: typeAttr('DT_FLOAT')}});
  return folded;
}

/** The input string of the new bias; `undefined` where none is needed. */
function foldBias(graph: ModelGraph, layer: Layer, nodes: readonly GraphNode[], total: Affine): string | undefined {
  const {channels} = layer;
  const oldName = layer.bias === undefined ? undefined : graph.constantBehind(parseRef(layer.bias).node);
  if (oldName === undefined) {
    if (total.offset.every((o) => o === 0)) return undefined;
    const added = nodes.length === 1 && isOnes(total.scale) ? vectorOperand(graph, nodes[0], channels) : undefined;
    if (added !== undefined) return added;
  }
  const old = oldName === undefined ? new Float32Array(channels) : graph.weightValues(oldName);
  const name = graph.freeName(`${nodes[nodes.length - 1].name}/bias`);
  graph.addWeight(
    name,
    Float32Array.from(old, (b, c) => b * total.scale[c] + total.offset[c]),
    [channels],
  );
  return name;
}

/** The constant that a lone addition adds, where it can serve as a bias as it is. */
function vectorOperand(graph: ModelGraph, node: GraphNode, channels: number): string | undefined {
  if (node.op !== 'BiasAdd' && node.op !== 'Add' && node.op !== 'AddV2') return undefined;
  return node.input?.find((input) => {
    const name = graph.constantBehind(parseRef(input).node);
    return name !== undefined && isVector(graph, name, channels);
  });
}

function isVector(graph: ModelGraph, name: string, length: number): boolean {
  const shape = graph.weightShape(name);
  return graph.weightType(name) === 'float32' && shape.length === 1 && shape[0] === length;
}

const isOnes = (values: Float64Array): boolean => values.every((value) => value === 1);
