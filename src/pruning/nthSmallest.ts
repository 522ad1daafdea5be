/**
 * Hoare's selection: moves values so that those before `n` are not larger, and those after it not smaller, than the
 * value at `n`, which is returned. In place, deterministic, linear time on average, many equal values included.
 *
 * @param values without NaN.
 * @param n 0 for the smallest.
 */
export function nthSmallest(values: Float64Array, n: number): number {
  for (let low = 0, high = values.length - 1; low < high;) {
    const a = values[low];
    const b = values[(low + high) >> 1];
    const c = values[high];
    const pivot = a < b ? (b < c ? b : a < c ? c : a) : a < c ? a : b < c ? c : b; // the median
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i <= j) {
        const value = values[i];
        values[i++] = values[j];
        values[j--] = value;
      }
    }
    if (n <= j) high = j;
    else if (n >= i) low = i;
    else break;
  }
  return values[n];
}
