/** Depthwise filters fitted anew: a small least squares problem for every channel. */

/** What a depthwise layer sees and should give. */
export interface DepthwiseRows {
  readonly rows: number;
  readonly taps: number;
  readonly channels: number;
  /** `[rows, taps, channels]` */
  readonly inputs: Float32Array;
  /** Wanted outputs before the activation, `[rows, channels]` */
  readonly targets: Float32Array;
}

/** Filters `[taps, channels]` and biases `[channels]`. */
export interface DepthwiseFilter {
  readonly filter: Float32Array;
  readonly bias: Float32Array;
}

/** Bounds of a clipped activation, or `null`. */
export type Clip = {readonly low: number; readonly high: number} | null;

const RIDGE = 1e-2;

/**
 * The filters that come closest to the targets behind the activation, with a ridge towards the dense ones.
 *
 * @param withBias whether biases are fitted, too; else they stay
 * @param sweeps of alternating projections where the activation clips: see `clippedAim`
 * @param relax over-relaxation of each
 */
export function fitDepthwise(
  {rows, taps, channels, inputs, targets}: DepthwiseRows,
  dense: DepthwiseFilter,
  withBias: boolean,
  clip: Clip,
  sweeps: number,
  relax: number,
): DepthwiseFilter {
  const means = new Float64Array(taps * channels);
  const normal = new Float64Array(taps * taps * channels);
  for (let r = 0, at = 0; r < rows; r++, at += taps * channels) {
    for (let i = 0; i < taps; i++) {
      for (let c = 0; c < channels; c++) means[i * channels + c] += inputs[at + i * channels + c];
      for (let j = 0; j <= i; j++) {
        const [a, b, sums] = [at + i * channels, at + j * channels, (i * taps + j) * channels];
        for (let c = 0; c < channels; c++) normal[sums + c] += inputs[a + c] * inputs[b + c];
      }
    }
  }
  // Without a bias to fit, moments are not about the means.
  for (let k = 0; k < means.length; k++) means[k] = withBias ? means[k] / rows : 0;
  for (let i = 0; i < taps; i++) {
    for (let j = 0; j <= i; j++) {
      for (let c = 0; c < channels; c++) {
        const at = (i * taps + j) * channels + c;
        normal[at] = normal[at] / rows - means[i * channels + c] * means[j * channels + c];
      }
    }
  }
  const ridge = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    let trace = 0;
    for (let i = 0; i < taps; i++) trace += normal[i * (taps + 1) * channels + c];
    ridge[c] = Math.max((RIDGE * trace) / taps, 1e-6);
    for (let i = 0; i < taps; i++) normal[i * (taps + 1) * channels + c] += ridge[c];
  }
  factorizeEach(normal, taps, channels);

  const filter = Float64Array.from(dense.filter);
  const bias = Float64Array.from(dense.bias);
  const aims = targets.slice();
  for (let sweep = 0; sweep <= (clip ? sweeps : 0); sweep++) {
    if (sweep > 0) aimBehindClip({rows, taps, channels, inputs, targets}, filter, bias, clip!, aims);
    const shifted = {rows, taps, channels, inputs, targets: aims};
    const [solved, solvedBias] = solveEach(shifted, normal, means, ridge, dense, withBias);
    const step = sweep > 0 ? relax : 1;
    for (let k = 0; k < filter.length; k++) filter[k] += step * (solved[k] - filter[k]);
    for (let c = 0; c < channels; c++) bias[c] += step * (solvedBias[c] - bias[c]);
  }
  return {filter: Float32Array.from(filter), bias: Float32Array.from(bias)};
}

/**
 * What to aim at where an activation clips: a prediction on the same side of the bound is as right as the target.
 */
function aimBehindClip(
  {rows, taps, channels, inputs, targets}: DepthwiseRows,
  filter: Float64Array,
  bias: Float64Array,
  {low, high}: {low: number; high: number},
  aims: Float32Array,
): void {
  const line = new Float64Array(channels);
  for (let r = 0, at = 0; r < rows; r++) {
    line.set(bias);
    for (let i = 0; i < taps; i++, at += channels) {
      for (let c = 0; c < channels; c++) line[c] += inputs[at + c] * filter[i * channels + c];
    }
    for (let c = 0, to = r * channels; c < channels; c++, to++) {
      const target = targets[to];
      const guess = line[c];
      aims[to] = target <= low ? (guess < low ? guess : low) : target >= high ? (guess > high ? guess : high) : target;
    }
  }
}

function solveEach(
  {rows, taps, channels, inputs, targets}: DepthwiseRows,
  factors: Float64Array,
  means: Float64Array,
  ridge: Float64Array,
  dense: DepthwiseFilter,
  withBias: boolean,
): [Float64Array, Float64Array] {
  const right = new Float64Array(taps * channels);
  const targetMeans = new Float64Array(channels);
  for (let r = 0, at = 0; r < rows; r++) {
    const to = r * channels;
    for (let c = 0; c < channels; c++) targetMeans[c] += targets[to + c];
    for (let i = 0; i < taps; i++, at += channels) {
      for (let c = 0; c < channels; c++) right[i * channels + c] += inputs[at + c] * targets[to + c];
    }
  }
  for (let c = 0; c < channels; c++) targetMeans[c] = withBias ? targetMeans[c] / rows : 0;
  for (let i = 0; i < taps; i++) {
    for (let c = 0; c < channels; c++) {
      const k = i * channels + c;
      right[k] = right[k] / rows - means[k] * targetMeans[c] + ridge[c] * dense.filter[k];
    }
  }
  substituteEach(factors, right, taps, channels);
  const bias = targetMeans;
  for (let k = 0; withBias && k < right.length; k++) bias[k % channels] -= right[k] * means[k];
  return [right, bias];
}

/** Cholesky's lower factors of the lower triangles, in place, `[size, size, channels]`. */
function factorizeEach(matrix: Float64Array, size: number, channels: number): void {
  for (let c = 0; c < channels; c++) {
    const at = (i: number, j: number) => (i * size + j) * channels + c;
    for (let j = 0; j < size; j++) {
      for (let i = j; i < size; i++) {
        let sum = matrix[at(i, j)];
        for (let k = 0; k < j; k++) sum -= matrix[at(i, k)] * matrix[at(j, k)];
        matrix[at(i, j)] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / matrix[at(j, j)];
      }
    }
  }
}

/** Solves with the factors in place, `[size, channels]`. */
function substituteEach(factors: Float64Array, right: Float64Array, size: number, channels: number): void {
  for (let c = 0; c < channels; c++) {
    const at = (i: number, j: number) => (i * size + j) * channels + c;
    for (let i = 0; i < size; i++) {
      let sum = right[i * channels + c];
      for (let k = 0; k < i; k++) sum -= factors[at(i, k)] * right[k * channels + c];
      right[i * channels + c] = sum / factors[at(i, i)];
    }
    for (let i = size - 1; i >= 0; i--) {
      let sum = right[i * channels + c];
      for (let k = i + 1; k < size; k++) sum -= factors[at(k, i)] * right[k * channels + c];
      right[i * channels + c] = sum / factors[at(i, i)];
    }
  }
}
