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
  const layer = {batch: 1, inChannels: 64, kernelHeight: 3, kernelWidth: 3};

  test('copies the rows of narrow images without strides, whatever the threads', () => {
    for (const threads of [1, 2, 8]) {
      const copies = (size: number, strideWidth: number) =>
        cutDepthwise({...layer, outHeight: size, outWidth: size, strideWidth}, threads).copyRows;
      expect(copies(16, 1)).toBe(true);
      expect(copies(17, 1)).toBe(false);
      expect(copies(16, 2)).toBe(false);
    }
  });

  test('cuts rows of the whole batch', () => {
    const {unitRows} = cutDepthwise({...layer, batch: 8, outHeight: 7, outWidth: 7, strideWidth: 1}, 1);
    expect(unitRows).toBe(56);
  });
});
