/**
 * The channels along one axis of a tensor, as runs of cells. A cell is a list of channels that get one order wherever
 * they occur; what ops demand of tensors makes cells equal, takes them apart or fixes them (partition refinement over
 * a union-find forest).
 */

/** A list of channels with one order. Changed in place while a graph is looked through. */
export interface Cell {
  readonly channels: number;
  /** What the cell turned out to consist of, in this order. */
  parts?: ChannelAxis;
  /** Why the channels have to keep their order. */
  fixed?: string;
}

/** All of a cell's channels in a row, each of them `multiplier` neighbouring entries of the axis. */
export interface CellRun {
  readonly cell: Cell;
  readonly multiplier: number;
}

/** The runs that fill an axis. A cell may come more than once. */
export type ChannelAxis = readonly CellRun[];

/** An axis of channels whose order is free so far. */
export const freeAxis = (channels: number): ChannelAxis => [{cell: {channels}, multiplier: 1}];

/** An axis that keeps its order. */
export const fixedAxis = (channels: number, fixed: string): ChannelAxis => [{cell: {channels, fixed}, multiplier: 1}];

const sizeOf = ({cell, multiplier}: CellRun): number => cell.channels * multiplier;

/** Entries along the axis. */
export const axisLength = (axis: ChannelAxis): number => axis.reduce((sum, run) => sum + sizeOf(run), 0);

/** Each entry becomes `multiplier` neighbours. */
export const multiplyAxis = (axis: ChannelAxis, multiplier: number): ChannelAxis =>
  multiplier === 1 ? axis : axis.map((run) => ({...run, multiplier: run.multiplier * multiplier}));

/** The axis `times` times in a row. */
export const repeatAxis = (axis: ChannelAxis, times: number): ChannelAxis =>
  Array<ChannelAxis>(times).fill(axis).flat();

/** The axis in terms of cells that are not taken apart further. */
export function resolveAxis(axis: ChannelAxis): ChannelAxis {
  if (axis.every(({cell}) => !cell.parts)) return axis;
  return axis.flatMap((run) => {
    if (!run.cell.parts) return [run];
    run.cell.parts = resolveAxis(run.cell.parts);
    return multiplyAxis(run.cell.parts, run.multiplier);
  });
}

/** Makes all channels of the axis keep their order. */
export function fixAxis(axis: ChannelAxis, reason: string): void {
  for (const {cell} of resolveAxis(axis)) cell.fixed ??= reason;
}

interface PlacedRun extends CellRun {
  readonly start: number;
  readonly end: number;
}

/** The runs of an axis, resolved, with where they begin and end. */
function placedRuns(axis: ChannelAxis): PlacedRun[] {
  let end = 0;
  return resolveAxis(axis).map((run) => ({...run, start: end, end: (end += sizeOf(run))}));
}

/** Takes the cell at an entry apart, so that a run begins there; a fixed run has no need of it. */
function cutAxis(axis: ChannelAxis, position: number, reason: string): void {
  const run = placedRuns(axis).find(({start, end}) => start < position && position < end);
  if (!run || run.cell.fixed !== undefined) return;
  const {cell, multiplier, start} = run;
  const before = Math.floor((position - start) / multiplier);
  // Between the neighbours of one channel: that channel has to stay.
  const torn = (position - start) % multiplier === 0 ? 0 : 1;
  const parts = [freeAxis(before), fixedAxis(torn, reason), freeAxis(cell.channels - before - torn)];
  cell.parts = parts.flat().filter((part) => part.cell.channels > 0);
}

/**
 * The entries `begin` to `end` (exclusive); cells at both ends are taken apart there.
 *
 * @param reason what to say of a channel that has to stay where it is for this.
 */
export function sliceAxis(axis: ChannelAxis, begin: number, end: number, reason: string): ChannelAxis {
  cutAxis(axis, begin, reason);
  cutAxis(axis, end, reason);
  return placedRuns(axis).flatMap((run) => {
    const size = Math.min(end, run.end) - Math.max(begin, run.start);
    if (size <= 0) return [];
    const {cell, multiplier} = run;
    // Only a fixed run can reach beyond the slice.
    return size === sizeOf(run) ? [{cell, multiplier}] : fixedAxis(size, cell.fixed!);
  });
}

/**
 * Demands that two axes of one length have the same order.
 *
 * @param reason what to say of a channel that has to stay where it is for this.
 */
export function unifyAxes(a: ChannelAxis, b: ChannelAxis, reason: string): void {
  for (let next = difference(a, b); next; next = difference(a, b)) {
    const {p, q, begin, end} = next;
    if (consistOf(p, b) || consistOf(q, a)) continue;
    for (const [axis, {start}] of [
      [a, p],
      [b, q],
    ] as const) {
      if (start < begin) cutAxis(axis, begin, reason);
      cutAxis(axis, end, reason);
    }
    // Where something was cut, there is another difference to be found first.
    if (p.cell.parts || q.cell.parts) continue;
    if (p.cell.fixed !== undefined) q.cell.fixed = p.cell.fixed;
    else if (q.cell.fixed !== undefined) p.cell.fixed = q.cell.fixed;
    else equate(p, q);
  }
}

/** The first stretch on which two axes are not known to have the same order. */
function difference(a: ChannelAxis, b: ChannelAxis) {
  const [x, y] = [placedRuns(a), placedRuns(b)];
  for (let i = 0, j = 0; i < x.length && j < y.length;) {
    const [p, q] = [x[i], y[j]];
    const same = p.cell === q.cell && p.multiplier === q.multiplier && p.start === q.start;
    if (!same && (p.cell.fixed === undefined || q.cell.fixed === undefined)) {
      return {p, q, begin: Math.max(p.start, q.start), end: Math.min(p.end, q.end)};
    }
    if (p.end <= q.end) i++;
    if (q.end <= p.end) j++;
  }
  return undefined;
}

/** Makes a free cell consist of what fills its stretch on another axis, where that is whole runs of its multiplier. */
function consistOf({cell, multiplier, start, end}: PlacedRun, other: ChannelAxis): boolean {
  const runs = placedRuns(other).filter((run) => run.start < end && start < run.end);
  const fits = runs[0].start === start && runs[runs.length - 1].end === end && cell.fixed === undefined;
  if (!fits || runs.some((run) => run.cell === cell || run.multiplier % multiplier !== 0)) return false;
  cell.parts = runs.map((run) => ({cell: run.cell, multiplier: run.multiplier / multiplier}));
  return true;
}

/** Two free cells that fill the same stretch by steps of their own become one of a common step. */
function equate(p: CellRun, q: CellRun): void {
  let step = p.multiplier;
  while (step % q.multiplier !== 0) step += p.multiplier;
  const cell: Cell = {channels: sizeOf(p) / step};
  p.cell.parts = [{cell, multiplier: step / p.multiplier}];
  q.cell.parts = [{cell, multiplier: step / q.multiplier}];
}
