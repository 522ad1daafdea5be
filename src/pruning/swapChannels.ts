import type {BlockSums} from './blockSums';
import type {ChannelOrder} from './order';

/** About so many columns of all filters together tell which swaps are worth a look. */
const SAMPLES = 64;
/** So many swaps a channel are looked at in full: those with the best estimates. */
const CANDIDATES = 12;
/** Less is rounding. Scores of a filter add up to 1, or are whole numbers. */
const LEAST_GAIN = 1e-9;

/**
 * One pass of hill climbing: every channel, in random order, takes the swap that most raises the sum of `value()` over
 * all filters, if any does. Of the swaps only those are tried that promise most by estimates from the beginning of the
 * pass on a sample of columns.
 *
 * @param filters the group's filters in blocks, for `order`.
 * @param order changed in place, as `filters` are.
 * @param random uniform numbers in [0, 1).
 * @param budget blocks to look at, at most, a channel's work more or less.
 * @returns swaps made, and blocks looked at.
 */
export function swapChannels(
  filters: readonly BlockSums[],
  order: ChannelOrder,
  random: () => number,
  budget: number,
): {swaps: number; looked: number} {
  const columns = filters.reduce((sum, filter) => sum + filter.columns, 0);
  const step = Math.max(1, Math.floor(columns / SAMPLES));
  let looked = 0;
  for (const filter of filters) {
    looked += filter.compare(Math.floor(random() * Math.min(step, filter.columns)), step);
  }
  const position = new Int32Array(order.length);
  for (let p = 0; p < order.length; p++) position[order[p]] = p;
  const visits = order.slice();
  const estimates = new Float64Array(order.length);
  const best = new Int32Array(CANDIDATES);
  let swaps = 0;
  for (let left = visits.length; left > 0 && looked < budget; left--) {
    const visit = Math.floor(random() * left);
    const a = visits[visit];
    visits[visit] = visits[left - 1];

    const p = position[a];
    estimates.fill(0);
    for (const filter of filters) filter.addEstimates(order, a, p, estimates);
    const count = largest(estimates, best);
    looked += 2 * columns * count;
    let [q, most] = [-1, LEAST_GAIN];
    for (let i = 0; i < count; i++) {
      let gain = 0;
      for (const filter of filters) gain += filter.gain(a, p, order[best[i]], best[i]);
      if (gain > most) [q, most] = [best[i], gain];
    }
    if (q < 0) continue;
    const b = order[q];
    for (const filter of filters) filter.swap(a, p, b, q);
    order[p] = b;
    order[q] = a;
    position[a] = q;
    position[b] = p;
    swaps++;
  }
  return {swaps, looked};
}

/** Writes the indices of the largest values, largest first, and returns their number. */
function largest(values: Float64Array, indices: Int32Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (count === indices.length && value <= values[indices[count - 1]]) continue;
    let at = count < indices.length ? count++ : count - 1;
    for (; at > 0 && values[indices[at - 1]] < value; at--) indices[at] = indices[at - 1];
    indices[at] = i;
  }
  return count;
}
