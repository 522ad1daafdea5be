import {winogradMatrices} from '../../src/packed';
import {randomFloats, randomNumbers} from '../support/random';

/** B' and A' of F(2, 3). */
const B = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
];
const A = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
];

function product(a: number[][], b: number[][]): number[][] {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, x, i) => sum + x * b[i][j], 0)));
}

const transposed = (a: number[][]) => a[0].map((_, j) => a.map((row) => row[j]));

describe('winogradMatrices', () => {
  const [inChannels, outChannels] = [3, 13];
  const weights = randomFloats(9 * inChannels * outChannels, randomNumbers(1));
  const values = winogradMatrices(weights, inChannels);
  const valueOf = (matrix: number, c: number, o: number) =>
    values[((matrix * 2 + (o >> 3)) * inChannels + c) * 8 + (o & 7)];

  it('makes a filter that convolves a patch of 4x4 in 16 multiplications', () => {
    const random = randomNumbers(2);
    const patch = [0, 1, 2, 3].map(() => [...randomFloats(4, random)]);
    const transformed = product(product(B, patch), transposed(B));
    for (let c = 0; c < inChannels; c++) {
      for (let o = 0; o < outChannels; o++) {
        const products = transformed.map((row, i) => row.map((d, j) => d * valueOf(4 * i + j, c, o)));
        const out = product(product(A, products), transposed(A));
        for (let y = 0; y < 2; y++) {
          for (let x = 0; x < 2; x++) {
            let expected = 0;
            for (let tap = 0; tap < 9; tap++) {
              const weight = weights[(tap * inChannels + c) * outChannels + o];
              expected += weight * patch[y + Math.floor(tap / 3)][x + (tap % 3)];
            }
            expect(Math.abs(out[y][x] - expected)).toBeLessThan(1e-6);
          }
        }
      }
    }
  });

  it('fills each of the 16 matrices up with zeros to whole block rows of 8', () => {
    expect(values).toHaveLength(16 * 2 * inChannels * 8);
    for (let matrix = 0; matrix < 16; matrix++) {
      for (let c = 0; c < inChannels; c++) for (let o = 13; o < 16; o++) expect(valueOf(matrix, c, o)).toBe(0);
    }
  });

  it('rounds once: what is half of an odd sum of integers is exact', () => {
    const threes = winogradMatrices(new Float32Array(9 * 8).fill(3), 1);
    const outer = [1, 1.5, 0.5, 1];
    outer.forEach((u, i) => outer.forEach((v, j) => expect(threes[(4 * i + j) * 8]).toBe(3 * u * v)));
  });
});
