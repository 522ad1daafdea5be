import fc from 'fast-check';
import {blockStatistics, type BlockSize, type BlockStatistics} from '../../src/packed';
import {gatherZeros, identityOrder, permuteAxis, type FilterZeros} from '../../src/pruning';
import {channelGroupings, expectPermutation} from '../support/orders';
import {randomNumbers} from '../support/random';

/** Time that grows with the blocks of one N alone. */
const blocksOf =
  (n: BlockSize, base = 0) =>
  (kept: BlockStatistics['kept']) =>
    base + kept[n];
/** The cheapest N, as the cost model chooses; larger blocks cost more each, but less a weight. */
const cheapest = (kept: BlockStatistics['kept']) => Math.min(kept[1], 1.4 * kept[2], 2.4 * kept[4], 4.4 * kept[8]) + 5;

function keptIn(weights: Float32Array, channels: number, order: Int32Array): BlockStatistics['kept'] {
  const columns = weights.length / channels;
  const moved = permuteAxis(weights, [columns, channels], 1, order);
  return blockStatistics(moved, {kh: 1, kw: 1, inChannels: columns, outChannels: channels}).kept;
}

/** `[columns, channels]`: of `kinds` of channels, dealt out one after another, each has its own columns. */
function dealtOut(channels: number, columns: number, kinds: number): Float32Array {
  const weights = new Float32Array(channels * columns);
  for (let column = 0, i = 0; column < columns; column++) {
    for (let channel = 0; channel < channels; channel++) weights[i++] = channel % kinds === column % kinds ? 1 : 0;
  }
  return weights;
}

function randomZeros(channels: number, columns: number, density: number, seed: number): Float32Array {
  const random = randomNumbers(seed);
  return Float32Array.from({length: channels * columns}, () => (random() < density ? random() - 0.5 : 0));
}

const group = fc.integer({min: 1, max: 37}).chain((channels) =>
  fc.record({
    channels: fc.constant(channels),
    filters: fc.array(
      fc
        .integer({min: 1, max: 40})
        .chain((columns) =>
          fc.array(fc.constantFrom(0, 0, 0, -0, 1, NaN), {
            minLength: channels * columns,
            maxLength: channels * columns,
          }),
        )
        .map((weights): FilterZeros => ({
          name: 'conv',
          weights: Float32Array.from(weights),
          expectedTime: cheapest,
        })),
      {minLength: 1, maxLength: 3},
    ),
    leastGain: fc.constantFrom(undefined, 0, 0.1),
  }),
);

describe('gathering zeros', () => {
  test('gives a permutation and its expected time; what gains too little stays as it is', () => {
    let moved = 0;
    fc.assert(
      fc.property(group, ({channels, filters, leastGain}) => {
        const {order, before, after} = gatherZeros(channels, filters, leastGain);
        expectPermutation(order, channels);
        const time = (o: Int32Array) =>
          filters.reduce((sum, {weights, expectedTime}) => sum + expectedTime(keptIn(weights, channels, o)), 0);
        expect(before).toBe(time(identityOrder(channels)));
        expect(after).toBe(time(order));
        if (after === before) expect(order).toEqual(identityOrder(channels));
        else expect(after).toBeLessThanOrEqual(before * (1 - (leastGain ?? 0.02)));
        if (after < before) moved++;
        expect(gatherZeros(channels, filters, leastGain)).toEqual({order, before, after});
      }),
      {numRuns: 300, seed: 1},
    );
    expect(moved).toBeGreaterThan(20);
  });

  test.each([2, 4, 8] as const)('channels of alike zeros come to stand in the same blocks of %i', (n) => {
    for (const channels of [64, 64 + n]) {
      const weights = dealtOut(channels, 24, 8);
      const {order, before, after} = gatherZeros(channels, [{name: 'conv', weights, expectedTime: blocksOf(n)}]);
      expect(before).toBeGreaterThanOrEqual(Math.ceil(channels / n) * 24 * (n / 8));
      expect(after).toBe(keptIn(weights, channels, order)[n]);
      // At most one block of mixed kinds.
      expect(after).toBeLessThanOrEqual(Math.ceil((channels * 3) / n) + 24);
    }
  });

  test('one order serves N = 2, 4 and 8', () => {
    const weights = dealtOut(64, 24, 8);
    const {order} = gatherZeros(64, [{name: 'conv', weights, expectedTime: cheapest}]);
    expect(keptIn(weights, 64, order)).toMatchObject({1: 192, 2: 96, 4: 48, 8: 24});
  });

  test.each([
    [4, 3],
    [6, 5],
    [7, 9],
    [8, 40],
  ])(
    'of %i channels and %i columns it empties at least half of the blocks of 2 that any order could',
    (channels, columns) => {
      for (let seed = 1; seed <= 4; seed++) {
        const weights = randomZeros(channels, columns, 0.4, seed);
        let best = Infinity;
        for (const order of channelGroupings(channels, 2)) best = Math.min(best, keptIn(weights, channels, order)[2]);
        const all = keptIn(weights, channels, identityOrder(channels))[1];
        const {after} = gatherZeros(channels, [{name: 'conv', weights, expectedTime: blocksOf(2)}], 0);
        expect(after).toBeGreaterThanOrEqual(best);
        expect(all - after).toBeGreaterThanOrEqual((all - best) / 2);
      }
    },
  );

  test('random zeros in 1,152 channels: fewer blocks of every N, of 2 by a tenth', () => {
    const weights = randomZeros(1152, 48, 0.25, 3);
    const {order} = gatherZeros(1152, [{name: 'conv', weights, expectedTime: blocksOf(2)}]);
    const [was, is] = [keptIn(weights, 1152, identityOrder(1152)), keptIn(weights, 1152, order)];
    expect(is[1]).toBe(was[1]);
    expect(is[2]).toBeLessThan(0.9 * was[2]);
    expect(is[4]).toBeLessThan(0.9 * was[4]);
    expect(is[8]).toBeLessThan(0.9 * was[8]);
  });

  test('one order serves all filters of a group: what one gains another must not lose', () => {
    const even = dealtOut(32, 16, 2); // alike: every second channel
    const halves = Float32Array.from({length: 32 * 16}, (_, i) => (i % 32 < 16 === i / 32 < 8 ? 1 : 0));
    const filter = (name: string, weights: Float32Array): FilterZeros => ({name, weights, expectedTime: blocksOf(2)});
    const both = gatherZeros(32, [filter('even', even), filter('halves', halves)]);
    // Channels that are alike in both are together: as few blocks as either alone could have.
    expect(both.after).toBe(keptIn(even, 32, both.order)[2] + keptIn(halves, 32, both.order)[2]);
    expect(both.after).toBe((32 * 8) / 2 + (32 * 8) / 2);
    // `halves` is in its best order already and weighs more: nothing moves for less.
    const heavy = {...filter('halves', halves), expectedTime: blocksOf(2, 1e5)};
    expect(gatherZeros(32, [filter('even', even), heavy]).order).toEqual(identityOrder(32));
  });

  test.each<[string, number, Float32Array]>([
    ['nothing is zero', 16, new Float32Array(64).fill(1)],
    ['all is zero', 16, new Float32Array(64)],
    ['there is one channel', 1, Float32Array.of(0, 1, 0, 2)],
    ['channels have alike neighbours already', 16, Float32Array.from({length: 16 * 64}, (_, i) => (i >> 4) % 3)],
    ['there are too many channels', 5000, dealtOut(5000, 4, 4)],
  ])('nothing moves where %s', (_, channels, weights) => {
    for (const expectedTime of [cheapest, blocksOf(4)]) {
      const {order, before, after} = gatherZeros(channels, [{name: 'conv', weights, expectedTime}], 0);
      expect(order).toEqual(identityOrder(channels));
      expect(after).toBe(before);
    }
  });

  test('many columns are compared by a sample of them', () => {
    // Alike channels are so in every column; 520 channels in 4,000 columns are 17 million words.
    const weights = dealtOut(520, 4000, 4);
    const {order} = gatherZeros(520, [{name: 'conv', weights, expectedTime: blocksOf(4)}]);
    expect(keptIn(weights, 520, order)[4]).toBeLessThan((1.1 * weights.length) / 16);
  });

  test('weights that are not a row of channels for every column are refused', () => {
    const good: FilterZeros = {name: 'a', weights: new Float32Array(12), expectedTime: cheapest};
    for (const length of [10, 0]) {
      expect(() => gatherZeros(4, [good, {...good, name: 'b', weights: new Float32Array(length)}])).toThrow(
        `gatherZeros: b has ${length} weights, a row of 4 channels for every column expected`,
      );
    }
  });
});
