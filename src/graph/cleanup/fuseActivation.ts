/**
 * Fuses the activation after a convolution, depthwise convolution or matrix
 * product into it, as far as tfjs's fused ops and the stock wasm kernels
 * know the activation.
 */
import {floatAttr, readNumber} from '../attributes';
import {parseRef, type Consumer, type ModelGraph} from '../modelGraph';
import {absorb, soleConsumer, type PassResult, type Remark} from './absorb';
import {readLayer, writeLayer, type Layer, type LayerChange} from './layer';

const PLAIN_ACTIVATIONS = new Set(['Relu', 'Relu6', 'Elu', 'Sigmoid']);
/** tfjs-converter's default, basic_math.ts. */
const DEFAULT_LEAKY_ALPHA = 0.2;

export function fuseActivation(graph: ModelGraph): PassResult {
  const changes: Remark[] = [];
  for (const node of graph.allNodes()) {
    const layer = graph.isLive(node.name) ? readLayer(graph, node) : undefined;
    if (layer === undefined || layer.activation !== 'linear') continue;
    const use = soleConsumer(graph, node.name);
    const activation = use && readActivation(graph, layer, use);
    if (use === undefined || activation === undefined) continue;
    absorb(graph, node.name, writeLayer(layer, use.node.name, {activation}));
    changes.push({node: node.name, what: `fused ${use.node.op} '${use.node.name}'`});
  }
  return {changes, leftAlone: []};
}

function readActivation(graph: ModelGraph, layer: Layer, use: Consumer): LayerChange['activation'] {
  const {node, slot} = use;
  if (slot !== 0 || (node.input ?? []).some((input) => input.startsWith('^'))) return undefined;
  if (PLAIN_ACTIVATIONS.has(node.op)) return {name: node.op};
  if (node.op === 'LeakyRelu') {
    // tfjs-converter reads no slope for a fused depthwise convolution.
    if (layer.kind === 'depthwise') return undefined;
    return {name: node.op, attr: {leakyrelu_alpha: floatAttr(readNumber(node, 'alpha') ?? DEFAULT_LEAKY_ALPHA)}};
  }
  if (node.op === 'Prelu') {
    // tfjs-converter takes the first extra input of a matrix product for the bias, whatever fused_ops says.
    if (layer.kind === 'matmul' && layer.bias === undefined) return undefined;
    const alpha = channelAlpha(graph, node.input?.[1], layer.channels);
    return alpha === undefined ? undefined : {name: node.op, alpha};
  }
  return undefined;
}

/** The Prelu's slopes as an input, where they are a constant [C] or [1, 1, C]: what stock's fused kernels take. */
function channelAlpha(graph: ModelGraph, input: string | undefined, channels: number): string | undefined {
  const name = input && graph.constantBehind(parseRef(input).node);
  if (!name || graph.weightType(name) !== 'float32') return undefined;
  const shape = graph.weightShape(name);
  const fits = shape.length === 1 || (shape.length === 3 && shape[0] === 1 && shape[1] === 1);
  return fits && shape[shape.length - 1] === channels ? input : undefined;
}
