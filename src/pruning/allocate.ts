/** A rate that a layer could be pruned at. */
export interface RatePoint {
  /** What the layer loses there, at least 0. */
  readonly lost: number;
  /** What that saves of whatever the budget is of; 0 or less where it saves nothing. */
  readonly saved: number;
}

/**
 * Spreads a budget over layers so that the sum of what they lose is least: each takes the point of least
 * `lost - multiplier * saved`, with one multiplier for all of them. It is found by walking the lower hulls of all curves in
 * the order of their slopes, which is exact where bisection would have to guess, and takes any curve, convex or not. As the
 * hull's points are apart, the last step may go to any point that reaches the target, of any layer: the one that loses least.
 * What that saves beyond the target is given back where it loses most.
 *
 * @param curves for each layer its points; the first is the layer as it is, `{lost: 0, saved: 0}`.
 * @param target sum of `saved` to reach. More than all curves can save takes what saves most of each.
 * @returns for each layer the index of its point. The same for the same arguments.
 */
export function allocate(curves: ReadonlyArray<readonly RatePoint[]>, target: number): number[] {
  const chosen = curves.map(() => 0);
  const steps = curves
    .flatMap((points, layer) => hullSteps(points).map((step) => ({layer, ...step})))
    .sort((a, b) => a.slope - b.slope || a.layer - b.layer || a.to - b.to);
  let missing = target;
  for (const {layer, to, saved} of steps) {
    if (missing <= 0) break;
    if (saved >= missing) {
      const [last, index] = cheapestMove(curves, chosen, missing);
      chosen[last] = index;
      break;
    }
    chosen[layer] = to;
    missing -= saved;
  }
  giveBack(curves, chosen, target);
  return chosen;
}

/** Moves layers to points that save less and lose less, as long as the target is reached: each time where most is won. */
function giveBack(curves: ReadonlyArray<readonly RatePoint[]>, chosen: number[], target: number): void {
  for (;;) {
    const beyond = chosen.reduce((sum, index, layer) => sum + curves[layer][index].saved, -target);
    let [most, best] = [0, [-1, -1]];
    curves.forEach((points, layer) => {
      const at = points[chosen[layer]];
      points.forEach(({lost, saved}, index) => {
        if (at.saved - saved > beyond || at.lost - lost <= most) return;
        [most, best] = [at.lost - lost, [layer, index]];
      });
    });
    if (most === 0) return;
    const [layer, index] = best;
    chosen[layer] = index;
  }
}

/** The steps from point to point along the lower hull of what is lost over what is saved, by ascending slope. */
function hullSteps(points: readonly RatePoint[]) {
  const order = [...points.keys()]
    .filter((i) => i === 0 || points[i].saved > 0)
    .sort((a, b) => points[a].saved - points[b].saved || points[a].lost - points[b].lost || a - b);
  const hull: number[] = [];
  const slope = (a: number, b: number) => (points[b].lost - points[a].lost) / (points[b].saved - points[a].saved);
  for (const i of order) {
    if (hull.length > 0 && points[i].saved === points[hull.at(-1)!].saved) continue;
    while (hull.length > 1 && slope(hull.at(-2)!, hull.at(-1)!) >= slope(hull.at(-1)!, i)) hull.pop();
    hull.push(i);
  }
  return hull
    .slice(1)
    .map((to, i) => ({to, slope: slope(hull[i], to), saved: points[to].saved - points[hull[i]].saved}));
}

/** The layer and point to move one layer to, so that at least `missing` more is saved, where that loses least. */
function cheapestMove(curves: ReadonlyArray<readonly RatePoint[]>, chosen: readonly number[], missing: number) {
  let [least, best] = [Infinity, [0, 0]];
  curves.forEach((points, layer) => {
    const at = points[chosen[layer]];
    points.forEach(({lost, saved}, index) => {
      if (saved - at.saved < missing || lost - at.lost >= least) return;
      [least, best] = [lost - at.lost, [layer, index]];
    });
  });
  return best;
}
