import {THREAD_COST} from './costConstants';

/** Units that a thread takes of a task of alike items, at most. */
const MOST_ROUNDS = 8;

/**
 * How many of a task's items a thread takes at a time, for tasks of many alike items.
 *
 * @param nanoseconds of one item
 * @param more nanoseconds that each unit takes beside its items
 * @returns all of them where more threads do not pay
 */
export function unitItems(items: number, nanoseconds: number, threads: number, more = 0): number {
  if (threads < 2 || items * nanoseconds < THREAD_COST.itemsBreakEven) return Math.max(1, items);
  let best = Math.ceil(items / threads);
  let bestScore = Infinity;
  for (let rounds = 1; rounds <= MOST_ROUNDS; rounds++) {
    const unit = Math.ceil(items / (rounds * threads));
    if (rounds > 1 && unit * nanoseconds < THREAD_COST.smallestUnit) break;
    const each = unit * nanoseconds + more + THREAD_COST.claim;
    const played = Math.ceil(Math.ceil(items / unit) / threads);
    const score = (played + THREAD_COST.tail) * each;
    if (score < bestScore) {
      bestScore = score;
      best = unit;
    }
  }
  return best;
}
