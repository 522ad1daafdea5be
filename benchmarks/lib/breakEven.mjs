// The share of pruned weights from which a packed layer is as fast as the same layer on the dense kernel.

/** Shares of 1xN blocks that are pruned for the measurement. At 0 the packed kernel walks every block. */
export const SPARSITIES = [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6];

/** What break-even is to be at most for each N: the project's goal for layers of `LEAST_K` and more. */
export const GOALS = new Map([
  [8, 0.1],
  [4, 0.15],
  [2, 0.2],
  [1, 0.4],
]);

/** Below, panels and rows cost as much as the products. */
const LEAST_K = 96;
/** Up to so many pixels other kernels run, which are bound by memory. */
const FEW_PIXELS = 2;

/** Whether the goals are meant for a shape of kernels/shapes.json. */
export function hasGoal({k, cin, size}) {
  return k[0] * k[1] * cin >= LEAST_K && size[0] * size[1] > FEW_PIXELS;
}

/**
 * Where the packed path's time, taken as a line between each two points, falls to the dense path's for good.
 *
 * @param {{sparsity: number, ms: number}[]} points the packed path's, by ascending sparsity
 * @param {number} denseMs
 * @returns {number | null} the first point's sparsity if all are as fast as dense; null if the last one is not
 */
export function breakEven(points, denseMs) {
  const slower = points.findLastIndex(({ms}) => ms > denseMs);
  if (slower === points.length - 1) return null;
  if (slower < 0) return points[0].sparsity;
  const [before, after] = [points[slower], points[slower + 1]];
  return before.sparsity + ((before.ms - denseMs) / (before.ms - after.ms)) * (after.sparsity - before.sparsity);
}

/** A table: a row a layer, a column for each N, an exclamation mark where the goal is missed. */
export function breakEvenTable(layers) {
  const sizes = [...GOALS.keys()];
  const row = (name, cells) => name.padEnd(30) + cells.map((cell) => cell.padStart(10)).join('');
  const cell = (share, goal) => {
    const last = SPARSITIES.at(-1);
    const text = share === null ? `> ${percent(last)}` : percent(share);
    return share !== null && share <= goal ? `${text}  ` : `${text} !`;
  };
  return [
    row(
      'pruned to break even',
      sizes.map((n) => `N = ${n}  `),
    ),
    row(
      'goal',
      sizes.map((n) => `${percent(GOALS.get(n))}  `),
    ),
    ...layers.map(({name, shares}) =>
      row(
        name,
        sizes.map((n) => cell(shares[n], GOALS.get(n))),
      ),
    ),
  ];
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}
