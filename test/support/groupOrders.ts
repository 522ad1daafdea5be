import type {ChannelGroups} from '../../src/graph/coupling';
import type {Rearrangement} from '../../src/graph/rearrange';
import {isIdentity} from '../../src/pruning';

/** A random order, never the identity, for each group. */
export function shuffleGroups({groups}: ChannelGroups, random: () => number): Rearrangement[] {
  return groups.map((group) => {
    const order = Int32Array.from({length: group.channels}, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return {group, order: isIdentity(order) ? order.reverse() : order};
  });
}
