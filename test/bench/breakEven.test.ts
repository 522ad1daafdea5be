import {callBenchmarkModule} from './benchmarkModule';

interface Point {
  readonly sparsity: number;
  readonly ms: number;
}

const breakEven = (points: readonly Point[], denseMs: number) =>
  callBenchmarkModule<number | null>('breakEven.mjs', 'breakEven', points, denseMs);

/** A packed path that takes `times` at 0, 10, 20% ... pruned. */
const packed = (...times: number[]): Point[] => times.map((ms, i) => ({sparsity: i / 10, ms}));

describe('breakEven', () => {
  test('is where the line between two measured points crosses the dense time', () => {
    expect(breakEven(packed(1.2, 1.1, 0.9, 0.8), 1)).toBeCloseTo(0.15, 10);
    expect(breakEven(packed(1.2, 1.05, 0.85), 1)).toBeCloseTo(0.125, 10);
  });

  test('is a measured share where both take as long', () => {
    expect(breakEven(packed(1.2, 1, 0.8), 1)).toBeCloseTo(0.1, 10);
  });

  test('is the first share measured if the packed path is never slower, and none if it is slower to the last', () => {
    expect(breakEven(packed(1, 0.9), 1)).toBe(0);
    expect(breakEven([{sparsity: 0.05, ms: 0.9}], 1)).toBe(0.05);
    expect(breakEven(packed(2, 1.5, 1.01), 1)).toBeNull();
  });

  test('does not trust a point that is fast by chance before slower ones', () => {
    expect(breakEven(packed(1.3, 0.99, 1.1, 0.9), 1)).toBeCloseTo(0.25, 10);
  });
});

describe('breakEvenTable', () => {
  test('marks the block sizes that miss their goal', () => {
    const layer = {name: 'a layer', shares: {8: 0.1, 4: 0.151, 2: 0.2, 1: null}};
    const lines = callBenchmarkModule<string[]>('breakEven.mjs', 'breakEvenTable', [layer]);
    expect(
      lines
        .at(-1)!
        .split(/\s{2,}/)
        .map((cell) => cell.trim()),
    ).toEqual(['a layer', '10%', '15% !', '20%', '> 60% !']);
  });
});

describe('hasGoal', () => {
  const hasGoal = (shape: object) => callBenchmarkModule<boolean>('breakEven.mjs', 'hasGoal', shape);

  test('takes layers of 96 columns and more, but not those of one or two pixels', () => {
    expect(hasGoal({k: [1, 1], cin: 96, size: [7, 7]})).toBe(true);
    expect(hasGoal({k: [3, 3], cin: 11, size: [7, 7]})).toBe(true);
    expect(hasGoal({k: [1, 1], cin: 95, size: [7, 7]})).toBe(false);
    expect(hasGoal({k: [1, 1], cin: 960, size: [1, 2]})).toBe(false);
  });
});
