/** Where channels are after a Reshape, which keeps the row-major order of all entries. */
import {axisLength, fixAxis, freeAxis, multiplyAxis, repeatAxis, resolveAxis, unifyAxes} from './channelAxis';
import type {ChannelAxis} from './channelAxis';
import type {Layout} from './couplingOp';
import type {Dim, Shape} from './shapes';

const product = (dims: readonly Dim[]): number => dims.reduce<number>((size, dim) => size * dim!, 1);

/**
 * Follows channels through a Reshape: axes are matched from the last one on in the smallest blocks of equal size, so
 * that sizes of the batch need not be known. Where a block merges axes, channels are repeated along it; where it splits
 * one, the parts get one order in common, as for a channel shuffle (Zhang et al., arXiv 1707.01083).
 *
 * @param sizes of the input, `null` where unknown.
 * @param reason what to say of channels that cannot follow.
 */
export function reshapeChannels(axes: Layout, sizes: Shape, target: Shape, reason: string): Layout {
  const result: Array<ChannelAxis | null> = target.map(() => null);
  let [i, j] = [axes.length, target.length];
  while (i > 0 && j > 0) {
    const [iEnd, jEnd] = [i, j];
    let [a, b] = [sizes[--i], target[--j]];
    while (a !== null && b !== null && a !== b && (a < b ? i : j) > 0) {
      if (a < b) a = times(a, sizes[--i]);
      else b = times(b, target[--j]);
    }
    if (a === null || a !== b) {
      i = iEnd;
      break;
    }
    const merged = mergeAxes(axes.slice(i, iEnd), sizes.slice(i, iEnd), reason);
    if (merged) splitAxis(merged, target.slice(j, jEnd), reason).forEach((axis, k) => (result[j + k] = axis));
  }
  for (const axis of axes.slice(0, i)) if (axis) fixAxis(axis, reason);
  return result;
}

/** More pixels than any image has that is flattened in front of a matrix product. */
const MOST_REPEATS = 4096;

const times = (a: number, b: Dim): Dim => (b === null ? null : a * b);

/** Neighbouring axes as one. Only the longest axis of channels stays free: two would mix. */
function mergeAxes(axes: Layout, sizes: readonly Dim[], reason: string): ChannelAxis | null {
  const length = (axis: ChannelAxis | null) => (axis ? axisLength(axis) : 0);
  const longest = axes.reduce<number>((best, axis, k) => (length(axis) > length(axes[best]) ? k : best), 0);
  axes.forEach((axis, k) => axis && k !== longest && fixAxis(axis, reason));
  const kept = axes[longest];
  const repeats = product(sizes.slice(0, longest));
  if (kept && repeats <= MOST_REPEATS) {
    return repeatAxis(multiplyAxis(kept, product(sizes.slice(longest + 1))), repeats);
  }
  if (kept) fixAxis(kept, reason);
  return null;
}

/** One axis as several of the sizes given, one of which has the channels. */
function splitAxis(axis: ChannelAxis, sizes: readonly Dim[], reason: string): Layout {
  const runs = resolveAxis(axis);
  const [{cell, multiplier}] = runs;
  const inner = (k: number) => product(sizes.slice(k + 1));
  // An axis that was merged from these sizes comes apart as it was; otherwise the longest gets the channels.
  const merged = runs.every((run) => run.cell === cell && run.multiplier === multiplier);
  const before = merged ? sizes.findIndex((size, k) => size === cell.channels && inner(k) === multiplier) : -1;
  const at = before >= 0 ? before : sizes.reduce<number>((best, size, k) => (size! > sizes[best]! ? k : best), 0);
  const part = freeAxis(sizes[at]!);
  unifyAxes(axis, repeatAxis(multiplyAxis(part, inner(at)), product(sizes.slice(0, at))), reason);
  return sizes.map((_, k) => (k === at ? part : null));
}
