/** Uniform numbers in [0, 1), the same in each run. */
export function randomNumbers(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
