import fc from 'fast-check';
import {cutDepthwise, unitItems} from '../../src/plan';
import {THREAD_COST} from '../../src/plan/costConstants';

const LONG = 10 * THREAD_COST.smallestUnit;

describe('unitItems', () => {
  test('leaves all items to the calling thread where it is alone, or where workers do not pay', () => {
    expect(unitItems(100, LONG, 1)).toBe(100);
    expect(unitItems(100, THREAD_COST.itemsBreakEven / 101, 8)).toBe(100);
    expect(unitItems(0, LONG, 8)).toBe(1);
  });

  test('deals out evenly where that is possible', () => {
    expect(unitItems(56, LONG, 8)).toBe(1); // 7 each; by twos some would have 8
  });

  test('takes larger units where each costs something beside its items', () => {
    expect(unitItems(16, LONG, 2)).toBe(1);
    expect(unitItems(16, LONG, 2, 10 * LONG)).toBe(8);
  });

  test('gives every thread something, and is never slower than one unit a thread', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 5000}),
        fc.double({min: 1, max: 1e6, noNaN: true}),
        fc.integer({min: 2, max: 64}),
        fc.double({min: 0, max: 1e5, noNaN: true}),
        (items, nanoseconds, threads, more) => {
          const unit = unitItems(items, nanoseconds, threads, more);
          expect(Number.isInteger(unit)).toBe(true);
          if (items * nanoseconds < THREAD_COST.itemsBreakEven) return expect(unit).toBe(items);
          const span = (size: number) => {
            const each = size * nanoseconds + more + THREAD_COST.claim;
            return Math.ceil(Math.ceil(items / size) / threads) * each;
          };
          const even = Math.ceil(items / threads);
          expect(unit).toBeGreaterThanOrEqual(1);
          expect(unit).toBeLessThanOrEqual(even);
          // A smaller unit is one to wait for, too: a quarter of it counts.
          expect(span(unit)).toBeLessThanOrEqual(1.25 * span(even) + 1e-6);
        },
      ),
    );
  });
});

describe('cutDepthwise', () => {
  const kernel = {kernelHeight: 3, kernelWidth: 3, strideHeight: 1, dilationHeight: 1, dilationWidth: 1};
  const layer = {batch: 1, outChannels: 64, multiplier: 1, ...kernel};

  test('copies the rows of narrow images without strides, whatever the threads', () => {
    for (const threads of [1, 2, 8]) {
      const copies = (size: number, stride: number) =>
        cutDepthwise({...layer, outHeight: size, outWidth: size, strideHeight: stride, strideWidth: stride}, threads)
          .copyRows;
      expect(copies(16, 1)).toBe(true);
      expect(copies(17, 1)).toBe(false);
      expect(copies(16, 2)).toBe(false);
    }
  });

  test('takes all rows of the batch at once on one thread', () => {
    const cut = cutDepthwise({...layer, batch: 8, outHeight: 7, outWidth: 7, strideWidth: 1}, 1);
    expect(cut.unitRows).toBe(56 * cut.groups);
  });

  test('cuts narrow images by rows, and by channels where threads outnumber them', () => {
    const narrow = {...layer, outHeight: 14, outWidth: 14, strideWidth: 1};
    expect(cutDepthwise({...narrow, outChannels: 384}, 2)).toMatchObject({groups: 1, unitRows: 7});
    const cut = cutDepthwise({...narrow, outChannels: 384}, 8);
    expect(cut.unitRows).toBe(14);
    expect(cut.groups % 8).toBe(0);
    expect(cut.groupChannels * cut.groups).toBe(384);
    expect(cutDepthwise({...narrow, batch: 8, outChannels: 24}, 4)).toMatchObject({groups: 1, unitRows: 28});
  });

  test.each([
    ['a dilation', {dilationWidth: 2}],
    ['an oblong filter', {kernelHeight: 1}],
    ['another size', {kernelHeight: 7, kernelWidth: 7}],
    ['unlike strides', {strideWidth: 2}],
    ['a stride of 3', {strideWidth: 3, strideHeight: 3}],
    ['a multiplier', {multiplier: 2}],
    ['few channels', {outChannels: 3}],
  ])('has the kernel for any filter run %s, over copied rows', (_, change) => {
    const wide = {...layer, outHeight: 56, outWidth: 56, strideWidth: 1};
    expect(cutDepthwise(wide, 1)).toMatchObject({tiled: true, copyRows: false});
    expect(cutDepthwise({...wide, ...change}, 1)).toMatchObject({tiled: false, copyRows: true});
  });

  test('keeps copied rows small, and every channel in a group that has a vector', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 2000}),
        fc.integer({min: 1, max: 40}),
        fc.integer({min: 1, max: 40}),
        fc.integer({min: 1, max: 9}),
        fc.integer({min: 1, max: 20}),
        fc.integer({min: 1, max: 16}),
        (outChannels, outHeight, outWidth, size, dilation, threads) => {
          const geometry = {kernelHeight: size, kernelWidth: size, dilationHeight: dilation, dilationWidth: dilation};
          const cut = cutDepthwise({...layer, ...geometry, outChannels, outHeight, outWidth, strideWidth: 1}, threads);
          const {groupChannels, groups, unitRows} = cut;
          const rest = outChannels - (groups - 1) * groupChannels;
          expect(groupChannels === outChannels || groupChannels % 16 === 0).toBe(true);
          expect(rest >= Math.min(4, outChannels) && rest <= groupChannels + 3).toBe(true);
          expect(unitRows >= 1 && unitRows <= outHeight * groups).toBe(true);
          const reach = (size - 1) * dilation;
          const bytes = (reach + 1) * (outWidth + reach) * 4;
          if (cut.copyRows && groupChannels > 16) expect(groupChannels * bytes).toBeLessThanOrEqual(128 * 1024);
        },
      ),
    );
  });
});
