// Timing, comparing, counting.

/**
 * Runs the engines in turn, round by round, so that whatever slows the machine slows all of them.
 *
 * @param {{activate: () => Promise<void>, run: () => Promise<Float32Array>}[]} engines
 * @param {number} rounds timed runs of each; one more, before them, warms up
 * @param {(round: number) => void} onRound called before every round
 * @returns per engine the least and the median time in ms, and the last output
 */
export async function interleave(engines, rounds, onRound) {
  const times = engines.map(() => []);
  const outputs = [];
  for (let round = 0; round <= rounds; round++) {
    onRound(round);
    for (const [i, engine] of engines.entries()) {
      await engine.activate();
      const start = performance.now();
      outputs[i] = await engine.run();
      if (round > 0) times[i].push(performance.now() - start);
    }
  }
  return times.map((ms, i) => ({minMs: Math.min(...ms), medianMs: median(ms), output: outputs[i]}));
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The largest and the mean absolute difference of two arrays, and the range of the first one's values. */
export function difference(expected, actual) {
  let [largest, sum, low, high] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(expected[i] - actual[i]);
    largest = Math.max(largest, d);
    sum += d;
    low = Math.min(low, expected[i]);
    high = Math.max(high, expected[i]);
  }
  return {largest, mean: sum / expected.length, range: high - low};
}

/** Bytes of a graph model's weights, every zero included. */
export function denseBytes(model) {
  return weightsOf(model).reduce((bytes, tensor) => bytes + 4 * tensor.size, 0);
}

/**
 * Bytes of a graph model's weights if blocks of 1 x n weights that are all zero are left out wherever that saves
 * anything: four bytes a weight, four for the column of every kept block.
 */
export function weightBytes(model, n) {
  return weightsOf(model).reduce((bytes, tensor) => bytes + Math.min(4 * tensor.size, packedBytes(tensor, n)), 0);
}

function weightsOf(model) {
  return Object.values(model.weights).flat();
}

function packedBytes(tensor, n) {
  if (tensor.rank !== 2 && tensor.rank !== 4) return Infinity;
  const values = tensor.dataSync();
  const [inChannels, outChannels] = tensor.shape.slice(-2);
  const taps = tensor.size / (inChannels * outChannels);
  const rows = Math.ceil(outChannels / n);
  const kept = new Set();
  values.forEach((value, i) => {
    if (value !== 0) kept.add((Math.floor(i / outChannels) % inChannels) * rows + Math.floor((i % outChannels) / n));
  });
  return kept.size * (4 * taps * n + 4) + 4 * (rows + 1);
}
