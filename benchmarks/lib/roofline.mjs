// What an operation has to do, and how fast a core could do it. Arithmetic; nothing is timed.

const BYTES = {float32: 4, int32: 4, complex64: 8, bool: 1};

/** Kernels that read no more of their input than they write. */
const SUBSETS = new Set(['GatherNd', 'GatherV2', 'Slice', 'StridedSlice']);

/**
 * @typedef {object} OpShape a kernel call without its data
 * @property {string} kernel tfjs's name of it
 * @property {{shape: number[], dtype: string}[]} inputs in the kernel's order: data, filter, ...
 * @property {{shape: number[], dtype: string}[]} outputs
 * @property {{transposeA?: boolean}} attrs
 * @property {boolean} view whether the output is its input's data under another shape
 * @property {{entries: number, bytes: number} | null} weights the packed form of the second input: the weights that are
 *     kept, zeros among them included, and what it holds; null where the kernel reads the tensor itself
 */

/**
 * @typedef {object} Work
 * @property {number | null} flops multiplications and additions of convolutions and matrix products with the weights that
 *     are kept; null for other kernels
 * @property {number} read bytes
 * @property {number} written bytes
 */

/**
 * What a kernel has to do at least: every input read once, every output written once.
 *
 * @param {OpShape} op
 * @returns {Work}
 */
export function opWork({kernel, inputs, outputs, attrs, view, weights}) {
  if (view) return {flops: null, read: 0, written: 0};
  const written = sum(outputs.map(bytesOf));
  const product = productOf(kernel, inputs, outputs, attrs);
  const inputBytes = inputs.map(bytesOf);
  if (product === null) {
    const read = sum(inputBytes);
    return {flops: null, read: SUBSETS.has(kernel) ? Math.min(read, written) : read, written};
  }
  const share = weights === null ? 1 : Math.min(1, weights.entries / sizeOf(inputs[1].shape));
  if (weights !== null) inputBytes[1] = weights.bytes;
  // A stride larger than the filter leaves pixels out.
  inputBytes[0] = Math.min(inputBytes[0], 4 * product.touched);
  return {flops: 2 * product.madds * share, read: sum(inputBytes), written};
}

/** Multiply-adds of a product with dense weights, and the input values that they touch; null for other kernels. */
function productOf(kernel, inputs, outputs, {transposeA = false}) {
  const [x, filter] = inputs.map(({shape}) => shape);
  const outSize = sizeOf(outputs[0].shape);
  if (/^(Fused)?Conv2D$/.test(kernel)) {
    const [kh, kw, inChannels, outChannels] = filter;
    return {madds: outSize * kh * kw * inChannels, touched: (outSize / outChannels) * kh * kw * inChannels};
  }
  if (/DepthwiseConv2/.test(kernel)) {
    const [kh, kw, , multiplier] = filter;
    return {madds: outSize * kh * kw, touched: (outSize / multiplier) * kh * kw};
  }
  if (kernel === 'Conv2DBackpropInput') {
    const [kh, kw, inChannels] = filter;
    return {madds: sizeOf(x) * kh * kw * inChannels, touched: sizeOf(x)};
  }
  if (kernel === 'BatchMatMul' || kernel === '_FusedMatMul') {
    return {madds: outSize * x.at(transposeA ? -2 : -1), touched: sizeOf(x)};
  }
  return null;
}

/**
 * @typedef {object} Roof what the threads of a run can do together
 * @property {number} gflops multiply-adds from registers, one core
 * @property {import('./meters.mjs').Bandwidth[]} bandwidths of one core, by ascending size
 */

/**
 * The least time that an operation can take, and what sets it. Memory counts as fast as it is for as many bytes as the
 * operation touches, as if all of them were in the smallest cache that holds them; loads and stores may overlap. Threads
 * are taken to bring as much each, of memory too: with several of them the bound is loose for what no cache holds.
 *
 * @param {Work} work
 * @param {Roof} roof
 * @param {number} threads
 * @returns {{ms: number, bound: 'compute' | 'memory'}}
 */
export function rooflineMs({flops, read, written}, {gflops, bandwidths}, threads) {
  const compute = (flops ?? 0) / (gflops * 1e6);
  const at = bandwidthAt(bandwidths, read + written);
  const memory = Math.max(read / at.read, written / at.write, (2 * Math.min(read, written)) / at.copy) / 1e6;
  return {ms: Math.max(compute, memory) / threads, bound: compute >= memory ? 'compute' : 'memory'};
}

/** GB/s at a size: between two that were measured by interpolation of the logarithm, beyond them those of the last. */
export function bandwidthAt(bandwidths, bytes) {
  const above = bandwidths.findIndex((entry) => entry.bytes >= bytes);
  if (above <= 0) return above === 0 ? bandwidths[0] : bandwidths.at(-1);
  const [low, high] = [bandwidths[above - 1], bandwidths[above]];
  const t = Math.log(bytes / low.bytes) / Math.log(high.bytes / low.bytes);
  const between = (key) => low[key] + t * (high[key] - low[key]);
  return {bytes, read: between('read'), write: between('write'), copy: between('copy')};
}

function bytesOf({shape, dtype}) {
  return sizeOf(shape) * (BYTES[dtype] ?? 0);
}

function sizeOf(shape) {
  return shape.reduce((product, length) => product * length, 1);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
