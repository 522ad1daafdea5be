import type {FilterShape} from '../packed';

/**
 * An order of channels: `order[position]` is the channel that comes to stand there. Every channel occurs once.
 */
export type ChannelOrder = Int32Array;

/**
 * l1 norm of every filter (output channel).
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 * @returns `[outChannels]`
 */
export function filterNorms(weights: Float32Array, shape: FilterShape): Float64Array {
  const {outChannels} = shape;
  const norms = new Float64Array(outChannels);
  for (let i = 0; i < weights.length; i += outChannels) {
    for (let o = 0; o < outChannels; o++) norms[o] += Math.abs(weights[i + o]);
  }
  return norms;
}

/**
 * The paper's filter rearrangement (Lin et al., arXiv 2105.14713, section 3.3): channels by descending norm, so that
 * strong filters share blocks with strong ones. Equal norms keep their order; a NaN counts as the highest norm.
 */
export function orderByNorm(norms: Float64Array): ChannelOrder {
  const rank = norms.map((norm) => (Number.isNaN(norm) ? Infinity : norm));
  // Comparing before subtracting: Infinity - Infinity is NaN.
  return Int32Array.from(norms.keys()).sort((a, b) => (rank[a] === rank[b] ? a - b : rank[b] > rank[a] ? 1 : -1));
}

/** The order in which nothing moves. */
export function identityOrder(channels: number): ChannelOrder {
  return Int32Array.from({length: channels}, (_, channel) => channel);
}

/** True where nothing moves. */
export function isIdentity(order: ChannelOrder): boolean {
  return order.every((channel, position) => channel === position);
}

/** The order that undoes `order`: `permute(permute(x, order), invertOrder(order))` equals `x`. */
export function invertOrder(order: ChannelOrder): ChannelOrder {
  const inverse = new Int32Array(order.length);
  for (let position = 0; position < order.length; position++) inverse[order[position]] = position;
  return inverse;
}

/**
 * The order of a depthwise convolution's outputs when its inputs are in `order`: input channel `c` yields the output
 * channels `c * multiplier .. c * multiplier + multiplier - 1`, which move together.
 */
export function expandOrder(order: ChannelOrder, multiplier: number): ChannelOrder {
  const expanded = new Int32Array(order.length * multiplier);
  for (let i = 0; i < expanded.length; i++) {
    expanded[i] = order[Math.floor(i / multiplier)] * multiplier + (i % multiplier);
  }
  return expanded;
}

/**
 * Puts the slices of a tensor along one axis into `order`. One function for all that has channels: a convolution's
 * filter `[kh, kw, inChannels, outChannels]` (axis 3: its filters, axis 2: its inputs), a depthwise filter
 * `[kh, kw, channels, multiplier]` (axis 2), a MatMul's `[K, M]`, a per-channel vector. Bits are copied.
 *
 * @param values row-major values of `shape`.
 * @param axis negative axes count from the end.
 * @throws RangeError if `order` or `values` does not fit `shape`.
 */
export function permuteAxis<T extends Float32Array | Int32Array>(
  values: T,
  shape: readonly number[],
  axis: number,
  order: ChannelOrder,
): T {
  const at = axis < 0 ? axis + shape.length : axis;
  const length = shape[at];
  if (order.length !== length) {
    throw new RangeError(`permuteAxis: an order of ${order.length} channels for axis ${axis} of [${shape.join(', ')}]`);
  }
  const inner = shape.slice(at + 1).reduce((product, dim) => product * dim, 1);
  const outer = shape.slice(0, at).reduce((product, dim) => product * dim, 1);
  if (values.length !== outer * length * inner) {
    throw new RangeError(`permuteAxis: ${values.length} values do not fill [${shape.join(', ')}]`);
  }
  const permuted = values.slice() as T;
  // Copy through integers: a float copy may quieten a signalling NaN.
  const from = new Int32Array(values.buffer, values.byteOffset, values.length);
  const to = new Int32Array(permuted.buffer, permuted.byteOffset, permuted.length);
  for (let start = 0, target = 0; target < to.length; start += length * inner) {
    for (let position = 0; position < length; position++) {
      const source = start + order[position] * inner;
      if (inner === 1) to[target++] = from[source];
      else {
        to.set(from.subarray(source, source + inner), target);
        target += inner;
      }
    }
  }
  return permuted;
}

/** The transpose of a row-major matrix `[rows, columns]`; bits are copied. */
export function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const transposed = new Float32Array(values.length);
  const from = new Int32Array(values.buffer, values.byteOffset, values.length);
  const to = new Int32Array(transposed.buffer);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) to[c * rows + r] = from[i];
  }
  return transposed;
}
