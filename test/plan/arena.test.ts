import fc from 'fast-check';
import {layOutArena} from '../../src/plan';
import type {Lifetime} from '../../src/plan';

const lifetime = fc
  .record({bytes: fc.integer({min: 0, max: 3000}), first: fc.integer({min: 0, max: 12}), steps: fc.nat({max: 6})})
  .map(({bytes, first, steps}): Lifetime => ({bytes, first, last: first + steps}));

const lifetimes = fc.array(lifetime, {maxLength: 40});

const wholeLines = (bytes: number) => Math.ceil(bytes / 64) * 64;

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

describe('an arena', () => {
  it('keeps buffers apart that are needed at a time', () => {
    fc.assert(
      fc.property(lifetimes, (buffers) => {
        const {offsets} = layOutArena(buffers);
        return buffers.every((a, i) =>
          buffers.every((b, j) => {
            const together = i !== j && a.first <= b.last && b.first <= a.last && a.bytes > 0 && b.bytes > 0;
            return !together || offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
          }),
        );
      }),
    );
  });

  it('holds all of them, each at the start of a cache line', () => {
    fc.assert(
      fc.property(lifetimes, (buffers) => {
        const {offsets, bytes} = layOutArena(buffers);
        expect(offsets).toHaveLength(buffers.length);
        buffers.forEach((buffer, i) => {
          expect(offsets[i] % 64).toBe(0);
          expect(offsets[i]).toBeGreaterThanOrEqual(0);
          expect(offsets[i] + buffer.bytes).toBeLessThanOrEqual(bytes);
        });
      }),
    );
  });

  it('is no larger than the buffers together, and no smaller than those of the fullest step', () => {
    fc.assert(
      fc.property(lifetimes, (buffers) => {
        const {bytes} = layOutArena(buffers);
        const sizes = (some: Lifetime[]) => sum(some.map((buffer) => wholeLines(buffer.bytes)));
        const fullest = Math.max(
          0,
          ...buffers.map(({first}) => sizes(buffers.filter((b) => b.first <= first && first <= b.last))),
        );
        expect(bytes).toBeLessThanOrEqual(sizes(buffers));
        expect(bytes).toBeGreaterThanOrEqual(fullest);
      }),
    );
  });

  it('is as large as the two largest neighbours of a chain of layers', () => {
    const sizes = [640, 6400, 1280, 3200, 64];
    const buffers = sizes.map((bytes, i) => ({bytes, first: i, last: i + 1}));
    expect(layOutArena(buffers).bytes).toBe(6400 + 1280);
  });

  it('gives a place between two that stay to one that fits', () => {
    const stay = {first: 0, last: 9};
    const {offsets, bytes} = layOutArena([
      {bytes: 1024, ...stay},
      {bytes: 512, first: 0, last: 1},
      {bytes: 256, ...stay},
      {bytes: 200, first: 3, last: 4},
    ]);
    expect(bytes).toBe(1024 + 512 + 256);
    expect(offsets).toEqual([0, 1024, 1536, 1024]);
  });

  it('has a place for buffers that nothing needs', () => {
    expect(layOutArena([])).toEqual({offsets: [], bytes: 0});
    const {offsets} = layOutArena([
      {bytes: 64, first: 0, last: 0},
      {bytes: 64, first: Infinity, last: -Infinity},
      {bytes: 0, first: 0, last: 0},
    ]);
    expect(offsets).toEqual([0, 0, 0]);
  });
});
