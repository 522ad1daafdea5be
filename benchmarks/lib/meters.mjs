// What one core can do at most. Runs in Node and, bundled, in a page; the module comes from peak.mjs.

/** Flops of a round of `peak`: 12 accumulators of 4 lanes. */
const ROUND_FLOPS = 12 * 4 * 2;

/** Sizes at which memory is measured: from a level-1 cache to what no cache holds. */
const SIZES = Array.from({length: 13}, (_, i) => 2 ** (14 + i));
const ARENA = 65536;
/** Loads and stores that lie a multiple of 4 KiB apart would wait for each other. */
const APART = 2048;
/** Long enough for a clock of 5 microseconds. */
const SPAN_MS = 2;
const ATTEMPTS = 5;

/**
 * @typedef {object} Bandwidth GB/s of one core while it works on so many bytes again and again
 * @property {number} bytes
 * @property {number} read
 * @property {number} write
 * @property {number} copy bytes read and bytes written, both counted
 */

/**
 * @param {BufferSource} binary of `compileMeters`
 * @returns {Promise<{peak: (rounds: number) => number, bandwidths: () => Bandwidth[]}>} `peak` measures GFLOP/s of
 *     multiply-adds once, `bandwidths` takes half a second
 */
export async function startMeters(binary) {
  const {instance} = await WebAssembly.instantiate(binary, {env: {abort() {}}});
  const {memory, peak, read, write, copy} = instance.exports;
  new Float32Array(memory.buffer).fill(1e-3);
  return {
    peak(rounds) {
      const start = performance.now();
      peak(rounds);
      return (rounds * ROUND_FLOPS) / (performance.now() - start) / 1e6;
    },
    bandwidths() {
      const largest = SIZES.at(-1);
      memory.grow(largest / 65536 + 1);
      write(ARENA, largest); // the first touch of a page is slow
      return SIZES.map((bytes) => ({
        bytes,
        read: gigabytesPerSecond(bytes, () => read(ARENA, bytes)),
        write: gigabytesPerSecond(bytes, () => write(ARENA, bytes)),
        copy: gigabytesPerSecond(bytes, () => copy(ARENA, ARENA + bytes / 2 + APART, bytes / 2)),
      }));
    },
  };
}

/** The best of some attempts. */
function gigabytesPerSecond(bytes, run) {
  let calls = 1;
  let ms = time(run, calls);
  while (ms < SPAN_MS) {
    calls *= 2;
    ms = time(run, calls);
  }
  for (let i = 1; i < ATTEMPTS; i++) ms = Math.min(ms, time(run, calls));
  return (bytes * calls) / ms / 1e6;
}

function time(run, calls) {
  const start = performance.now();
  for (let i = 0; i < calls; i++) run();
  return performance.now() - start;
}
