import type {GraphNode, ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS} from './opFamilies';

/**
 * The layers of a graph before its clean-up by the names that they go by afterwards: a fused node has the name of the last
 * node of the chain that it stands for, and users know the layer by that of the first.
 */
export function givenLayers(given: ModelGraph, cleaned: ModelGraph): ReadonlyMap<string, GraphNode> {
  const layers = new Map<string, GraphNode>();
  for (const node of given.allNodes()) {
    const isLayer = CONVOLUTION_OPS.has(node.op) || DEPTHWISE_OPS.has(node.op) || MATMUL_OPS.has(node.op);
    if (!isLayer || !given.isLive(node.name)) continue;
    // What was fused has one user each, and all but the last lie dormant.
    let last: string | undefined = node.name;
    while (last !== undefined && !cleaned.isLive(last)) last = given.consumers(last)[0]?.node.name;
    if (last !== undefined) layers.set(last, node);
  }
  return layers;
}
