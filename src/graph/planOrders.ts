/** Which order each group of channels gets: asks an ordering method for those that a layer to be pruned has part in. */
import type {FilterShape} from '../packed';
import {isIdentity, type ChannelOrder} from '../pruning';
import type {ChannelGroups} from './coupling';
import type {ModelGraph} from './modelGraph';
import {readFilter, type Layer} from './pruneLayers';
import type {Rearrangement} from './rearrange';

/** The filters of one layer that a group moves. */
export interface GroupFilters {
  readonly layer: Layer;
  /** `[kh, kw, inChannels, outChannels]`, where `outChannels` is `channels * multiplier` of the group. */
  readonly shape: FilterShape;
  readonly weights: Float32Array;
  /** The first of the layer's output channels that these are. */
  readonly from: number;
  /** The filters of one channel of the group are this many neighbours. */
  readonly multiplier: number;
}

/**
 * Chooses the order of a group of `channels` by the filters of its layers that are to be pruned, of which there are some,
 * or tells why they stay as they are.
 */
export type OrderingMethod = (channels: number, filters: readonly GroupFilters[]) => ChannelOrder | string;

export interface PlannedOrders {
  /** Groups whose order changes. */
  readonly rearrangements: readonly Rearrangement[];
  /** Why a layer's output channels stay as they are; `null` where they do not. */
  readonly notRearranged: (layer: Layer) => string | null;
}

/**
 * Plans the orders of a graph's channels. A group without filters to be pruned stays as it is.
 *
 * @param chosen the layers that are going to be pruned.
 */
export function planOrders(
  graph: ModelGraph,
  {groups, fixed}: ChannelGroups,
  chosen: readonly Layer[],
  orderOf: OrderingMethod,
): PlannedOrders {
  const layers = new Map(chosen.map((layer) => [layer.description.name, layer]));
  const filters = new Map<Layer, Float32Array>();
  const filterOf = (layer: Layer) => filters.get(layer) ?? filters.set(layer, readFilter(graph, layer)).get(layer)!;
  const moved = new Set<string>();
  const obstacles = new Map<Layer, string>();
  const rearrangements = groups.flatMap((group): Rearrangement[] => {
    const parts = group.producers.flatMap(({name, from, multiplier}): GroupFilters[] => {
      const layer = layers.get(name);
      if (!layer) return [];
      const outChannels = group.channels * multiplier;
      const weights = sliceFilters(filterOf(layer), layer.description, from, outChannels);
      return [{layer, shape: {...layer.description, outChannels}, weights, from, multiplier}];
    });
    if (parts.length === 0) return [];
    const order = orderOf(group.channels, parts);
    if (typeof order === 'string') for (const {layer} of parts) obstacles.set(layer, order);
    if (typeof order === 'string' || isIdentity(order)) return [];
    for (const {name} of group.producers) moved.add(name);
    return [{group, order}];
  });

  const grouped = new Set(groups.flatMap(({producers}) => producers.map(({name}) => name)));
  const notRearranged = (layer: Layer) => {
    const {name} = layer.description;
    if (moved.has(name)) return null;
    if (!grouped.has(name)) return fixed.get(name) ?? `nothing is known of the channels of '${name}'`;
    if (!layers.has(name)) return 'the layer was left alone';
    return obstacles.get(layer) ?? 'its filters are in order already';
  };
  return {rearrangements, notRearranged};
}

/** Output channels `from` to `from + count` of a filter. */
function sliceFilters(weights: Float32Array, {outChannels}: FilterShape, from: number, count: number): Float32Array {
  if (count === outChannels) return weights;
  const slice = new Float32Array((weights.length / outChannels) * count);
  for (let row = 0, to = 0; to < slice.length; row += outChannels, to += count) {
    slice.set(weights.subarray(row + from, row + from + count), to);
  }
  return slice;
}
