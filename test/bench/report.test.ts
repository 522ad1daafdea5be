import {callBenchmarkModule} from './benchmarkModule';

const difference = (relative: number) => ({output: 'probs', maxAbsDiff: relative * 2, range: 2, relative});

interface Report {
  ratios: Record<string, number>;
  versions: Record<string, string>;
  notes: string[];
}

function makeReport(times: [engine: string, threads: number, minMs: number][]): Report {
  const results = times.map(([engine, threads, minMs]) => {
    const ms = {minMs, medianMs: minMs, p95Ms: minMs, firstMs: minMs, loadMs: minMs};
    return {engine, threads, weights: 'untouched', heapBytes: /litert|ort/.test(engine) ? null : 1e6, ...ms};
  });
  const result = {
    results,
    difference: null,
    differences: {'litert, 2 threads': difference(1e-6)},
    variant: 'relaxed',
    tfjs: '4.22.0',
    runtime: 'Browser 1',
    versions: {litert: '2.5.3'},
    notes: ['ort is left out.'],
  };
  const options = {n: 4, sparsity: 0, threads: [2, 1], env: 'chromium'};
  return callBenchmarkModule<Report>('report.mjs', 'makeReport', {name: 'm'}, options, result);
}

const TIMES: Parameters<typeof makeReport>[0] = [
  ['blocksparse-1xn, 2 threads', 2, 5],
  ['blocksparse-1xn, 1 thread', 1, 10],
  ['tfjs-wasm', 1, 20],
  ['litert, 2 threads', 2, 8],
  ['litert, 1 thread', 1, 15],
  ['ort, 1 thread', 1, 30],
];

describe('the report of the benchmark', () => {
  test('sets peers against ours on as many threads, and ours against one thread', () => {
    expect(makeReport(TIMES).ratios).toEqual({
      'blocksparse-1xn, 2 threads': 0.5,
      'tfjs-wasm': 2,
      'litert, 2 threads': 1.6,
      'litert, 1 thread': 1.5,
      'ort, 1 thread': 3,
    });
  });

  test('sets peers against our first number of threads where none is theirs', () => {
    const {ratios} = makeReport([
      ['blocksparse-1xn, 2 threads', 2, 5],
      ['blocksparse-1xn, 4 threads', 4, 4],
      ['tfjs-wasm', 1, 20],
    ]);
    expect(ratios).toEqual({'blocksparse-1xn, 4 threads': 0.8, 'tfjs-wasm': 4});
  });

  test('names versions, ratios, differences and notes in its table', () => {
    const report = makeReport(TIMES);
    expect(report.versions).toEqual({tfjs: '4.22.0', litert: '2.5.3'});
    const table = callBenchmarkModule<string>('report.mjs', 'formatTable', report);
    expect(table).toContain('Browser 1, tfjs 4.22.0, litert 2.5.3, relaxed kernels, threads: 2, 1');
    expect(table).toContain('litert, 2 threads / blocksparse-1xn, 2 threads: 1.60x');
    expect(table).toContain("litert, 2 threads: outputs differ from stock's by 1.0e-6 of their range");
    expect(table).toContain('ort is left out.');
  });
});

describe('the check of outputs against stock', () => {
  const problem = (differences: Record<string, object>) =>
    callBenchmarkModule<string | null>('report.mjs', 'outputProblem', {model: 'm', differences});

  test('passes a difference within a thousandth of the range, and a run of pruned models alone', () => {
    expect(problem({ours: difference(1e-3), ort: difference(0)})).toBeNull();
    expect(problem({})).toBeNull();
  });

  test('names the engine and the output that differ most, or endlessly', () => {
    expect(problem({ours: difference(1e-6), ort: difference(2e-3)})).toContain('m: output probs of ort differs');
    expect(problem({ours: difference(Infinity), ort: difference(2e-3)})).toContain('m: output probs of ours differs');
  });
});

test('an endless difference survives the way from a page to the report', () => {
  const sent = {relative: Infinity, notes: ['Infinity'], range: 1.5, difference: null};
  const text = callBenchmarkModule<string>('message.mjs', 'encode', sent);
  expect(callBenchmarkModule<typeof sent>('message.mjs', 'decode', text)).toEqual(sent);
});
