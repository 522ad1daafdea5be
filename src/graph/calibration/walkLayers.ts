/** What a walk over a network fits: its convolutions, depthwise convolutions and matrix products. */
import {backend_util} from '@tensorflow/tfjs-core';
import type {Clip} from '../../pruning';
import {readPadding, readSpatial} from '../attributes';
import {readLayer} from '../cleanup/layer';
import {soleConstant} from '../constantUsers';
import {parseRef, type GraphNode, type ModelGraph} from '../modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS} from '../opFamilies';
import {listLayers, type Layer} from '../pruneLayers';
import type {ShapeMap} from '../shapes';

/** Where a window's inputs lie: TensorFlow's padding of Conv2D, for an input of known size. */
export interface Window {
  readonly taps: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: ReturnType<typeof readPadding>;
}

/** A layer as the walk sees it. */
export interface WalkLayer {
  readonly name: string;
  readonly node: GraphNode;
  /** Its input, as nodes name it. */
  readonly input: string;
  readonly isDepthwise: boolean;
  /** `null` for matrix products, whose inputs' last axis are the columns. */
  readonly window: Window | null;
  readonly filter: string;
  /** A bias that is this layer's alone; without one none is fitted. */
  readonly bias: string | null;
  /** What the activation clips, `null` where targets are outputs. */
  readonly clip: Clip;
  /** The other summand where the output goes to a sum alone, as nodes name it, and that sum. */
  readonly shortcut: {readonly other: string; readonly sum: string} | null;
  /** As pruning knows it; `null` for depthwise layers. */
  readonly layer: Layer | null;
}

const CLIPS: Readonly<Record<string, Clip>> = {relu: {low: 0, high: Infinity}, relu6: {low: 0, high: 6}};
const SUMS = new Set(['Add', 'AddV2']);

/** @param order the live nodes, inputs before their users */
export function walkLayers(graph: ModelGraph, shapes: ShapeMap, order: readonly GraphNode[]): WalkLayer[] {
  const known = new Map(listLayers(graph, shapes).map((layer) => [layer.description.name, layer]));
  const place = new Map(order.map(({name}, i) => [name, i]));
  return order.flatMap((node): WalkLayer[] => {
    const isDepthwise = DEPTHWISE_OPS.has(node.op);
    const layer = known.get(node.name) ?? null;
    if (!layer && !isDepthwise) return [];
    const read = readLayer(graph, node);
    if (isDepthwise && !read) return [];
    const filter = soleConstant(graph, node, 1);
    if (filter === undefined) return [];
    if (isDepthwise && graph.weightShape(filter)[3] !== 1) return [];
    const bias = read?.bias === undefined ? null : (soleConstant(graph, node, 2) ?? null);
    const isConvolution = CONVOLUTION_OPS.has(node.op) || isDepthwise;
    const [kh, kw] = graph.weightShape(filter);
    return [
      {
        name: node.name,
        node,
        input: graph.inputs(node)[0].output === 0 ? graph.inputs(node)[0].node : node.input![0],
        isDepthwise,
        window: isConvolution
          ? {
              taps: [kh, kw],
              strides: readSpatial(node, 'strides'),
              dilations: readSpatial(node, 'dilations'),
              padding: readPadding(node),
            }
          : null,
        filter,
        bias,
        clip: CLIPS[read?.activation ?? 'linear'] ?? null,
        shortcut: (read?.activation ?? 'linear') === 'linear' ? shortcutOf(graph, shapes, place, node) : null,
        layer,
      },
    ];
  });
}

/** The sum that alone takes a node's output, if its other summand is computed before the node. */
function shortcutOf(
  graph: ModelGraph,
  shapes: ShapeMap,
  place: ReadonlyMap<string, number>,
  {name}: GraphNode,
): WalkLayer['shortcut'] {
  const [use, ...more] = graph.consumers(name);
  if (!use || more.length > 0 || !SUMS.has(use.node.op) || graph.isOutput(name)) return null;
  const other = graph.inputs(use.node)[1 - use.slot];
  if (!other || graph.constantBehind(other.node) !== undefined) return null;
  const [own, others] = [shapes.get(name), shapes.get(other.node)];
  const alike = own && others && own.length === others.length && own.every((size, i) => size === others[i]);
  if (!alike || !(place.get(other.node)! < place.get(name)!)) return null;
  const written = use.node.input![1 - use.slot];
  return {other: parseRef(written).output === 0 ? other.node : written, sum: use.node.name};
}

/** Paddings and the output's size for an input `[batch, height, width, channels]`. */
export function placeWindow(window: Window, [batch, height, width, channels]: readonly number[]) {
  const {taps, strides, dilations, padding} = window;
  return backend_util.computeConv2DInfo(
    [batch, height, width, channels],
    [taps[0], taps[1], channels, 1],
    [...strides],
    [...dilations],
    padding as backend_util.ExplicitPadding | 'same' | 'valid',
  );
}
