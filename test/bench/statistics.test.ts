import {callBenchmarkModule} from './benchmarkModule';

interface Difference {
  output: string;
  maxAbsDiff: number;
  range: number;
  relative: number;
}

const summarise = (times: number[]) =>
  callBenchmarkModule<Record<string, number>>('statistics.mjs', 'summarise', times);

function compare(reference: number[], actual: number[]): Difference {
  const outputs = (data: number[]) => [{name: 'y', data: Float32Array.from(data)}];
  return callBenchmarkModule('statistics.mjs', 'compareOutputs', outputs(reference), outputs(actual));
}

describe('the summary of measured times', () => {
  test('takes the middle time of an odd number of runs', () => {
    expect(summarise([9, 1, 5])).toEqual({minMs: 1, medianMs: 5, p95Ms: 9});
  });

  test('takes the mean of the two middle times of an even number of runs', () => {
    expect(summarise([4, 1, 2, 3])).toEqual({minMs: 1, medianMs: 2.5, p95Ms: 4});
  });

  test('leaves out the slowest twentieth at the 95th percentile, by nearest rank', () => {
    const times = Array.from({length: 40}, (_, i) => 40 - i);
    expect(summarise(times)).toEqual({minMs: 1, medianMs: 20.5, p95Ms: 38});
  });

  test('orders times as numbers, not as text', () => {
    expect(summarise([10, 9, 100]).medianMs).toBe(10);
  });

  test('refuses to summarise nothing', () => {
    expect(() => summarise([])).toThrow('no times');
  });
});

describe('the comparison of outputs', () => {
  test('relates the largest difference to the range of the reference', () => {
    expect(compare([0, 2, 4], [0, 2.5, 4])).toEqual({output: 'y', maxAbsDiff: 0.5, range: 4, relative: 0.125});
  });

  test('names the output that differs most relative to its own range', () => {
    const worst = callBenchmarkModule<Difference>(
      'statistics.mjs',
      'compareOutputs',
      [
        {name: 'wide', data: [0, 1000]},
        {name: 'narrow', data: [0, 1]},
      ],
      [
        {name: 'wide', data: [1, 1000]},
        {name: 'narrow', data: [0.5, 1]},
      ],
    );
    expect(worst).toMatchObject({output: 'narrow', relative: 0.5});
  });

  test('counts a NaN on one side alone as an endless difference', () => {
    expect(compare([0, 1], [0, NaN]).relative).toBe(Infinity);
    expect(compare([NaN, 1], [0, 1]).relative).toBe(Infinity);
  });

  test('finds no difference between equal NaNs and infinities', () => {
    expect(compare([NaN, Infinity, 1], [NaN, Infinity, 1]).relative).toBe(0);
  });

  test('counts an output of another length as an endless difference', () => {
    expect(compare([1, 2, 3], [1, 2]).relative).toBe(Infinity);
    expect(compare([1, 2], [1, 2, 3]).relative).toBe(Infinity);
  });

  test('measures a constant output against its size', () => {
    expect(compare([-8, -8], [-8, -4]).relative).toBe(0.5);
    expect(compare([0, 0], [0, 3]).relative).toBe(3);
  });
});
