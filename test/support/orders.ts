/** Every channel once. */
export function expectPermutation(order: Int32Array, channels: number): void {
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(channels).keys()]);
}

/** Every way to divide channels among block rows, as an order. */
export function* channelGroupings(channels: number, n: number): Generator<Int32Array> {
  const order = new Int32Array(channels);
  function* place(position: number, used: number): Generator<Int32Array> {
    if (position === channels) yield order.slice();
    // Ascending within a row: which of its places a channel has does not matter.
    const first = position % n === 0 ? 0 : order[position - 1] + 1;
    for (let c = first; c < channels; c++) {
      if (used & (1 << c)) continue;
      order[position] = c;
      yield* place(position + 1, used | (1 << c));
    }
  }
  yield* place(0, 0);
}
