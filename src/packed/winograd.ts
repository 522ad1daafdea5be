/**
 * Filters of 3x3 as Winograd's algorithm F(2x2, 3x3) multiplies them (Lavin & Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2016, section 4.1): GgG' in double precision, rounded once.
 *
 * @param weights `[3, 3, inChannels, outChannels]`, row-major
 * @returns for each of the 16 values, row by row, a matrix in dense blocks of 8, the last one filled up with zeros:
 *     `[16, ceil(outChannels / 8), inChannels, 8]`
 */
export function winogradMatrices(weights: Float32Array, inChannels: number): Float32Array {
  const tap = weights.length / 9;
  const outChannels = tap / inChannels;
  const matrix = Math.ceil(outChannels / 8) * 8 * inChannels;
  const matrices = new Float32Array(16 * matrix);
  const columns = new Float64Array(12); // Gg, row-major
  for (let from = 0; from < tap; from++) {
    const o = from % outChannels;
    const to = (o - (o & 7)) * inChannels + ((from - o) / outChannels) * 8 + (o & 7);
    for (let x = 0; x < 3; x++) expand(weights, from + x * tap, 3 * tap, columns, x, 3);
    for (let y = 0; y < 4; y++) expand(columns, 3 * y, 1, matrices, to + 4 * y * matrix, matrix);
  }
  return matrices;
}

type Floats = Float32Array | Float64Array;

/** Multiplies G by three numbers. */
function expand(from: Floats, at: number, step: number, to: Floats, first: number, toStep: number): void {
  const [a, b, c] = [from[at], from[at + step], from[at + 2 * step]];
  to[first] = a;
  to[first + toStep] = (a + b + c) / 2;
  to[first + 2 * toStep] = (a - b + c) / 2;
  to[first + 3 * toStep] = c;
}
