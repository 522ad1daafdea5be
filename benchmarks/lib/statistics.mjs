/**
 * Minimum, median and 95th percentile (nearest rank) of measured times.
 *
 * @param {number[]} times at least one, in milliseconds
 * @returns {{minMs: number, medianMs: number, p95Ms: number}}
 */
export function summarise(times) {
  if (times.length === 0) throw new RangeError('summarise: no times');
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return {
    minMs: sorted[0],
    medianMs: (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2,
    p95Ms: quantile(sorted, 0.95),
  };
}

/**
 * A quantile by nearest rank.
 *
 * @param {number[]} sorted ascending, at least one
 * @param {number} share in (0, 1]
 */
export function quantile(sorted, share) {
  return sorted[Math.ceil(share * sorted.length) - 1];
}

/**
 * @typedef {object} Output
 * @property {string} name
 * @property {ArrayLike<number>} data
 */

/**
 * @typedef {object} Difference
 * @property {string} output the output that differs most, relative to its range
 * @property {number} maxAbsDiff largest absolute difference of that output
 * @property {number} range largest less smallest finite value of that output of the reference
 * @property {number} relative `maxAbsDiff / range`; Infinity where lengths, NaNs or infinities differ
 */

/**
 * Compares a model's outputs with those of a reference, output by output.
 *
 * @param {Output[]} reference
 * @param {Output[]} actual in the same order
 * @returns {Difference} of the output that differs most
 */
export function compareOutputs(reference, actual) {
  if (reference.length === 0 || reference.length !== actual.length) {
    throw new RangeError(`compareOutputs: ${actual.length} outputs beside ${reference.length}`);
  }
  return reference
    .map((output, i) => compareOutput(output, actual[i]))
    .reduce((worst, next) => (next.relative > worst.relative ? next : worst));
}

function compareOutput(reference, actual) {
  const a = reference.data;
  const b = actual.data;
  let smallest = Infinity;
  let largest = -Infinity;
  let maxAbsDiff = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) {
    if (Number.isFinite(a[i])) {
      smallest = Math.min(smallest, a[i]);
      largest = Math.max(largest, a[i]);
    }
    if (Object.is(a[i], b[i])) continue;
    const difference = Math.abs(a[i] - b[i]);
    // NaN: only one of the two is NaN, or the output is shorter.
    maxAbsDiff = Number.isNaN(difference) ? Infinity : Math.max(maxAbsDiff, difference);
  }
  const range = largest >= smallest ? largest - smallest : 0;
  return {output: reference.name, maxAbsDiff, range, relative: relativeTo(range || Math.abs(largest), maxAbsDiff)};
}

/** A constant output has no range and is measured against its size; one of zeros, or with no finite value, as it is. */
function relativeTo(scale, difference) {
  return difference < Infinity && scale > 0 && scale < Infinity ? difference / scale : difference;
}
