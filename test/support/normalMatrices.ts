import {randomNumbers} from './random';

/** What a layer's inputs may give: `X^T X` of random rows, and a ridge. `[size, size]` */
export function normalMatrix(size: number, seed: number, rows = size + 5, ridge = 0.1): Float64Array {
  const random = randomNumbers(seed);
  const x = Float64Array.from({length: rows * size}, () => random() * 2 - 1);
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? ridge : 0;
      for (let r = 0; r < rows; r++) sum += x[r * size + i] * x[r * size + j];
      matrix[i * size + j] = matrix[j * size + i] = sum;
    }
  }
  return matrix;
}
