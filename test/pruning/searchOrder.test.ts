import fc from 'fast-check';
import {BLOCK_SIZES, type BlockSize} from '../../src/packed';
import {
  identityOrder as identity,
  l1BlockScores,
  permuteAxis,
  searchOrder,
  selectBlocks,
  type FilterScores,
} from '../../src/pruning';
import {BlockSums} from '../../src/pruning/blockSums';
import {nthSmallest} from '../../src/pruning/nthSmallest';
import {swapChannels} from '../../src/pruning/swapChannels';
import {channelGroupings, expectPermutation} from '../support/orders';
import {randomNumbers} from '../support/random';

/** Scores with ties, zeros and a wide range. */
const score = fc.oneof(fc.constantFrom(0, 0, 1, 2), fc.double({min: 0, max: 100, noNaN: true}));
const group = fc.integer({min: 1, max: 21}).chain((channels) =>
  fc.record({
    channels: fc.constant(channels),
    filters: fc.array(
      fc.integer({min: 1, max: 9}).chain((columns) =>
        fc.record({
          name: fc.constant('conv'),
          scores: fc
            .array(score, {minLength: channels * columns, maxLength: channels * columns})
            .map((values) => Float64Array.from(values)),
          n: fc.constantFrom<BlockSize>(...BLOCK_SIZES),
          rate: fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({min: 0, max: 1, noNaN: true})),
        }),
      ),
      {minLength: 1, maxLength: 3},
    ),
  }),
);

/** Block scores of an order, summed up the plain way. */
function blockScores({scores, n}: FilterScores, channels: number, order: Int32Array): Float64Array {
  const columns = scores.length / channels;
  const blocks = new Float64Array(Math.ceil(channels / n) * columns);
  order.forEach((channel, position) => {
    for (let j = 0; j < columns; j++) blocks[Math.floor(position / n) * columns + j] += scores[channel * columns + j];
  });
  return blocks;
}

function shareKept(filter: FilterScores, channels: number, order: Int32Array): number {
  const blocks = blockScores(filter, channels, order);
  const keep = selectBlocks(blocks, filter.rate);
  const total = blocks.reduce((sum, value) => sum + value, 0);
  return total === 0 ? 1 : blocks.reduce((sum, value, i) => sum + keep[i] * value, 0) / total;
}

function randomScores(length: number, seed: number): Float64Array {
  const random = randomNumbers(seed);
  return Float64Array.from({length}, () => random() ** 3);
}

describe('the search for an order', () => {
  test('gives a permutation, keeps what it says, and never less than the order as it is or the sorted one', () => {
    fc.assert(
      fc.property(group, fc.nat(), ({channels, filters}, seed) => {
        const found = searchOrder(channels, filters, {seed});
        expectPermutation(found.order, channels);
        const {none, sort, search} = found.meanKept;
        expect(search).toBeGreaterThanOrEqual(none);
        expect(search).toBeGreaterThanOrEqual(sort!);
        const sorted = searchOrder(channels, filters, {method: 'sort'});
        expectPermutation(sorted.order, channels);
        expect(sorted.meanKept).toEqual({none, sort});
        filters.forEach((filter, i) => {
          expect(found.kept[i].none).toBeCloseTo(shareKept(filter, channels, identity(channels)), 9);
          expect(found.kept[i].sort).toBeCloseTo(shareKept(filter, channels, sorted.order), 9);
          expect(found.kept[i].search).toBeCloseTo(shareKept(filter, channels, found.order), 9);
        });
        const mean = found.kept.reduce((sum, kept) => sum + kept.search!, 0) / filters.length;
        expect(search).toBeCloseTo(mean, 12);
      }),
      {numRuns: 300},
    );
  });

  test('is the same for the same seed, and its end differs with the seed', () => {
    const filters = [{name: 'conv', scores: randomScores(96 * 24, 3), n: 4 as const, rate: 0.5}];
    const first = searchOrder(96, filters, {seed: 5});
    expect(searchOrder(96, filters, {seed: 5})).toEqual(first);
    expect(searchOrder(96, filters, {seed: 6}).order).not.toEqual(first.order);
    expect(searchOrder(96, filters)).toEqual(searchOrder(96, filters, {method: 'search', seed: 0}));
  });

  test('keeps clearly more than sorting where channels use different columns with equal strength', () => {
    // Four kinds of channels, dealt out one after another; each kind uses two of eight columns.
    const scores = new Float64Array(32 * 8);
    for (let c = 0; c < 32; c++) scores.fill(1, c * 8 + (c % 4) * 2, c * 8 + (c % 4) * 2 + 2);
    const {order, meanKept} = searchOrder(32, [{name: 'conv', scores, n: 4, rate: 0.75}]);
    expect(meanKept).toEqual({none: 0.25, sort: 0.25, search: 1});
    for (let row = 0; row < 8; row++)
      expect(new Set([...order.slice(row * 4, row * 4 + 4)].map((c) => c % 4)).size).toBe(1);
  });

  test.each([
    [4, 2, 0.5],
    [6, 2, 0.5],
    [6, 4, 0.4],
    [7, 2, 0.6],
    [8, 4, 0.5],
  ] as const)(
    'comes within 2%% of the best of all orders of %i channels in blocks of %i at a rate of %f',
    (channels, n, rate) => {
      for (let seed = 1; seed <= 5; seed++) {
        const filter = {name: 'conv', scores: randomScores(channels * 5, seed), n, rate};
        let best = 0;
        for (const order of channelGroupings(channels, n)) best = Math.max(best, shareKept(filter, channels, order));
        const {search} = searchOrder(channels, [filter]).meanKept;
        expect(search).toBeLessThanOrEqual(best + 1e-9);
        expect(search).toBeGreaterThanOrEqual(0.98 * best);
      }
    },
  );

  test('one order serves all filters of a group, each counted alike whatever the size of its scores', () => {
    const a = randomScores(24 * 8, 1);
    const b = randomScores(24 * 12, 2);
    const filters = (scale: number): FilterScores[] => [
      {name: 'a', scores: a, n: 4, rate: 0.5},
      {name: 'b', scores: b.map((value) => value * scale), n: 2, rate: 0.6},
    ];
    const {order, kept, meanKept} = searchOrder(24, filters(1));
    expect(meanKept.search).toBeGreaterThan(meanKept.sort! + 0.01);
    expect(searchOrder(24, filters(1024)).order).toEqual(order); // a power of two: no rounding
    // Alone each filter gets an order that suits it better.
    expect(searchOrder(24, filters(1).slice(0, 1)).kept[0].search).toBeGreaterThan(kept[0].search!);
    expect(searchOrder(24, filters(1).slice(1)).kept[0].search).toBeGreaterThan(kept[1].search!);
  });

  test.each<[string, number, Partial<FilterScores>]>([
    ['N = 1', 12, {n: 1}],
    ['N is the number of channels', 8, {n: 8}],
    ['N is above the number of channels', 12, {n: 32}],
    ['there is one channel', 1, {n: 4}],
    ['the rate is 0', 12, {rate: 0}],
    ['the rate is 1', 12, {rate: 1}],
    ['all scores are 0', 12, {scores: new Float64Array(12 * 5)}],
  ])('nothing moves where %s', (_, channels, change) => {
    const filter: FilterScores = {name: 'conv', scores: randomScores(channels * 5, 1), n: 4, rate: 0.5, ...change};
    const {order, meanKept} = searchOrder(channels, [filter]);
    expect(order).toEqual(identity(channels));
    expect(meanKept.sort).toBe(meanKept.none);
    expect(meanKept.search).toBe(meanKept.none);
    expect(searchOrder(channels, [filter], {method: 'sort'}).order).toEqual(order);
  });

  test('nothing moves where all scores are equal, or where nothing is asked', () => {
    const equal = {name: 'conv', scores: new Float64Array(60).fill(3), n: 4 as const, rate: 0.5};
    expect(searchOrder(12, [equal]).order).toEqual(identity(12));
    expect(searchOrder(12, [])).toEqual({order: identity(12), kept: [], meanKept: {none: 1, sort: 1, search: 1}});
    const {order, kept, meanKept} = searchOrder(12, [{...equal, scores: randomScores(60, 2)}], {method: 'none'});
    expect(order).toEqual(identity(12));
    expect(Object.keys(kept[0])).toEqual(['none']);
    expect(Object.keys(meanKept)).toEqual(['none']);
  });

  test('without a budget it is the better one of the order as it is and the sorted one', () => {
    const filter = {name: 'conv', scores: randomScores(40 * 6, 4), n: 4 as const, rate: 0.5};
    const {order, meanKept} = searchOrder(40, [filter], {budget: 0});
    expect(order).toEqual(searchOrder(40, [filter], {method: 'sort'}).order);
    expect(meanKept.search).toBe(meanKept.sort);
    // The better order already: sorting would break it up.
    const gathered = new Float64Array(16 * 4);
    for (let c = 0; c < 16; c++) gathered[c * 4 + (c >> 2)] = 1 + ((c * 7) % 16);
    const given = searchOrder(16, [{name: 'conv', scores: gathered, n: 4, rate: 0.75}], {budget: 0});
    expect(given.order).toEqual(identity(16));
    expect(given.meanKept.search).toBeGreaterThan(given.meanKept.sort!);
  });

  test('the share kept is what pruning the rearranged filter at that rate keeps', () => {
    const shape = {kh: 3, kw: 3, inChannels: 6, outChannels: 20};
    const weights = Float32Array.from(randomScores(9 * 6 * 20, 8), (value, i) => (i % 2 ? value : -value));
    const filter = {name: 'conv', scores: l1BlockScores(weights, shape, 1), n: 4 as const, rate: 0.4};
    const {order, meanKept} = searchOrder(20, [filter]);
    const moved = permuteAxis(weights, [3, 3, 6, 20], 3, order);
    const blocks = l1BlockScores(moved, shape, 4);
    const keep = selectBlocks(blocks, 0.4);
    const kept = blocks.reduce((sum, value, i) => sum + keep[i] * value, 0);
    expect(meanKept.search).toBeCloseTo(kept / blocks.reduce((sum, value) => sum + value, 0), 9);
  });

  test.each([NaN, -1, Infinity])('a score of %f is refused, with its place', (value) => {
    const scores = new Float64Array(12).fill(1);
    scores[7] = value;
    const filters: FilterScores[] = [
      {name: 'features/3/project', scores: new Float64Array(8), n: 2, rate: 0.5},
      {name: 'features/5/project', scores, n: 2, rate: 0.5},
    ];
    expect(() => searchOrder(4, filters)).toThrow(
      `searchOrder: the score of features/5/project at channel 2, column 1 is ${value}, 0 or more and a finite sum expected`,
    );
  });

  test('a rate out of range, and scores that are not a row for each channel, are refused', () => {
    const filter: FilterScores = {name: 'conv', scores: new Float64Array(12), n: 2, rate: 0.5};
    for (const rate of [NaN, -0.1, 1.1]) {
      expect(() => searchOrder(4, [{...filter, rate}])).toThrow(
        `searchOrder: the rate of conv is ${rate}, 0 to 1 expected`,
      );
    }
    for (const channels of [5, 24]) {
      expect(() => searchOrder(channels, [filter])).toThrow(
        `searchOrder: conv has 12 scores, columns for each of ${channels} channels expected`,
      );
    }
    expect(() => searchOrder(4, [{...filter, scores: new Float64Array()}])).toThrow('conv has 0 scores');
  });
});

describe('swapping channels', () => {
  const cases = fc.record({
    channels: fc.integer({min: 2, max: 19}),
    columns: fc.integer({min: 1, max: 9}),
    n: fc.constantFrom(2, 4, 8),
    threshold: fc.double({min: 0, max: 3, noNaN: true}),
    seed: fc.nat(),
  });

  test('what a swap is said to gain, and the sums after it, are those of blocks summed up anew', () => {
    fc.assert(
      fc.property(cases, ({channels, columns, n, threshold, seed}) => {
        const random = randomNumbers(seed);
        const scores = Float64Array.from({length: channels * columns}, random);
        const order = identity(channels);
        const blocks = new BlockSums(scores, channels, columns, n);
        const fresh = () => {
          const sums = blockScores({name: '', scores, n: n as BlockSize, rate: 0}, channels, order);
          return sums.reduce((sum, value) => sum + Math.abs(value - threshold), 0);
        };
        blocks.sum(order);
        blocks.setThreshold(threshold);
        let value = blocks.value();
        expect(value).toBeCloseTo(fresh(), 9);
        for (let step = 0; step < 20; step++) {
          const p = Math.floor(random() * channels);
          const q = Math.floor(random() * channels);
          const [a, b] = [order[p], order[q]];
          value += blocks.gain(a, p, b, q);
          blocks.swap(a, p, b, q);
          [order[p], order[q]] = [b, a];
          expect(blocks.value()).toBeCloseTo(value, 9);
          expect(value).toBeCloseTo(fresh(), 9);
        }
      }),
    );
  });

  test('a pass only ever gains, keeps order and sums together, and ends where no swap gains', () => {
    fc.assert(
      fc.property(cases, ({channels, columns, n, threshold, seed}) => {
        const random = randomNumbers(seed);
        const filters = [columns, columns + 70].map((width) => {
          const scores = Float64Array.from({length: channels * width}, random);
          return new BlockSums(scores, channels, width, n);
        });
        const order = identity(channels);
        const place = () => {
          for (const filter of filters) filter.sum(order);
          for (const filter of filters) filter.setThreshold(threshold);
        };
        const value = () => filters.reduce((sum, filter) => sum + filter.value(), 0);
        place();
        let [before, swaps, passes] = [value(), 1, 0];
        for (; swaps > 0; passes++) {
          ({swaps} = swapChannels(filters, order, random, Infinity));
          expectPermutation(order, channels);
          const after = value();
          if (swaps > 0) expect(after).toBeGreaterThan(before);
          else expect(after).toBe(before);
          place();
          expect(value()).toBeCloseTo(after, 6);
          before = after;
          expect(passes).toBeLessThan(100);
        }
        if (channels > 13) return; // more positions than a pass tries
        for (let p = 0; p < channels; p++) {
          for (let q = 0; q < channels; q++) {
            const gain = filters.reduce((sum, filter) => sum + filter.gain(order[p], p, order[q], q), 0);
            expect(gain).toBeLessThan(1e-8);
          }
        }
      }),
    );
  });

  test('the budget ends a pass', () => {
    const scores = randomScores(64 * 16, 1);
    const blocks = new BlockSums(scores, 64, 16, 4);
    const order = identity(64);
    blocks.sum(order);
    blocks.setThreshold(1);
    const {swaps, looked} = swapChannels([blocks], order, randomNumbers(1), 20_000);
    expect(swaps).toBeGreaterThan(0);
    expect(swaps).toBeLessThan(20);
    expect(looked).toBeGreaterThanOrEqual(20_000);
    expect(looked).toBeLessThan(21_000);
  });
});

test('the value at a rank is that of the sorted values, and parts the values', () => {
  const values = fc.array(fc.oneof(fc.constantFrom(0, 1), fc.double({noNaN: true})), {minLength: 1, maxLength: 80});
  fc.assert(
    fc.property(values, fc.nat(), (list, pick) => {
      const n = pick % list.length;
      const sorted = Float64Array.from(list).sort();
      const parted = Float64Array.from(list);
      expect(nthSmallest(parted, n) === sorted[n]).toBe(true); // 0 is -0
      for (let i = 0; i < list.length; i++) expect(i < n ? parted[i] <= parted[n] : parted[i] >= parted[n]).toBe(true);
      expect([...parted].map((x) => x + 0).sort()).toEqual([...list].map((x) => x + 0).sort());
    }),
    {numRuns: 500},
  );
});
