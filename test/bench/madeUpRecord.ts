/** Results in the form of bench:record, made up: a model on two engines, a profile and a shape. */
export function madeUpRecord() {
  const row = (n: number, sparsity: number, ours: number) => ({
    id: `bench mobilenet_v2_1.0_224 1x${n} ${sparsity}`,
    command: 'node benchmarks/bench.mjs --n <4>',
    ...{runs: 40, model: 'mobilenet_v2_1.0_224', n, sparsity, threads: [1], env: 'chromium', difference: null},
    results: [
      {engine: 'blocksparse-1xn', weights: 'w', threads: 1, minMs: ours, medianMs: ours},
      {engine: 'tfjs-wasm', weights: 'untouched', threads: 1, minMs: 24, medianMs: 25},
      {engine: 'litert', weights: 'untouched', threads: 1, minMs: 20, medianMs: 21},
    ],
  });
  const op = {
    ...{node: 'first<node>', kernel: 'FusedConv2D', path: 'dense', kept: 1, workers: false},
    ...{inputs: [[1, 8, 8, 4], [3, 3, 4, 6], [6]], outputs: [[1, 8, 8, 6]], attrs: {strides: 1}},
    ...{ms: 0.5, stockMs: 0.75, flops: 1e7, bytes: 4000, roofMs: 0.2, bound: 'compute'},
  };
  const time = (ms: number) => ({ms, gflops: 40 / ms, ratio: 1 / ms});
  return {
    ...{format: 'blocksparse-1xn-results-1', date: '2025-01-31', env: 'chromium', commit: 'abc1234'},
    machine: {cpu: 'Made & Up(R) CPU', cores: 2, memoryGB: 8, platform: 'linux x64'},
    engines: {runtime: 'Chromium 1', tfjs: '4.22.0', variant: 'relaxed'},
    ...{remarks: ['Made up <for> a test.'], skipped: [{model: 'absent', why: 'no model'}], failures: []},
    rows: [row(4, 0, 16), row(4, 0.5, 12), row(4, 0.75, 8), row(1, 0.5, 15)],
    profiles: [
      {
        ...{id: 'profile it', command: 'node benchmarks/profile.mjs', runs: 40, model: 'it', weights: 'untouched'},
        ...{threads: 1, ops: [op, {...op, path: '1x4', kept: 0.5, ms: 1}], tickMs: 0.005},
        ...{sum: {ms: 1.5, stockMs: 1.5}, rest: {ms: 0.5, stockMs: 0.5}, whole: {ms: 2, stockMs: 2}},
        plan: {obstacle: null, ms: 1, arenaBytes: 1024, programBytes: 2048, steps: []},
        roof: {gflops: 50, bandwidths: []},
      },
    ],
    regions: [
      {
        ...{id: 'regions', command: 'node benchmarks/regions.mjs', runs: 40, threads: 1},
        models: [
          {
            ...{model: 'it', kernels: 9, inRegions: 6, regions: 2, chains: 1, outside: 0, obstacle: null},
            ...{splitBy: {Elu: 2}, around: {Softmax: 1}},
          },
        ],
      },
    ],
    kernels: [
      {
        ...{id: 'kernels relaxed', command: 'node benchmarks/kernels.mjs', runs: 40},
        ...{variant: 'relaxed', node: process.versions.node, density: 0.5, roof: 60, threads: [1]},
        results: [{name: '16 -> 96 @ 112', engines: {stock: time(1), auto: time(0.8), '1x4': time(1.25)}}],
        depthwise: [{name: '3x3 32 @ 112', engines: {stock: time(1), auto: time(0.5)}}],
      },
    ],
  };
}
