import {winogradTiles, type LayerGeometry} from '../plan';
import {readSpatial} from './attributes';
import type {ModelGraph} from './modelGraph';
import type {LayerDescription} from './pruneLayers';
import type {ShapeMap} from './shapes';

/** Output pixels to estimate for where a graph does not tell: 14 x 14, the middle of a mobile network. */
export const DEFAULT_OUTPUT_PIXELS = 196;

/** A layer as the cost model takes it, over the whole batch; a batch of any size is taken as one. */
export function layerGeometry(
  graph: ModelGraph,
  shapes: ShapeMap,
  {name, kh, kw, inChannels, outChannels, outputPixels: pixels}: LayerDescription,
): LayerGeometry {
  const filter = {kh, kw, inChannels, outChannels};
  const node = graph.node(name);
  const steps = [...readSpatial(node, 'strides'), ...readSpatial(node, 'dilations')];
  const side = Math.sqrt(DEFAULT_OUTPUT_PIXELS);
  const outShape = pixels === null ? [1, side, side] : shapes.get(name)!.map((size) => size ?? 1);
  const outputPixels = pixels === null ? DEFAULT_OUTPUT_PIXELS : pixels * (shapes.get(name)?.[0] ?? 1);
  return {filter, outputPixels, winogradTiles: winogradTiles(filter, steps, outShape)};
}
