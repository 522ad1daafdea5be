import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {ROOT} from './benchmarkModule';

function benchKernels(...args: string[]) {
  const script = path.join(ROOT, 'benchmarks/kernels.mjs');
  const run = spawnSync(process.execPath, [script, '--rounds', '1', '--json', ...args], {encoding: 'utf8'});
  expect(run.status).toBe(0);
  return {lines: run.stdout.trimEnd().split('\n'), json: JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!)};
}

describe('npm run bench:kernels', () => {
  test('measures every path of ours once for each number of threads', () => {
    const {lines, json} = benchKernels('--filter', '3x3 12 -> 12', '--threads', '1,2');
    expect(json.threads).toEqual([1, 2]);
    const [{engines}] = json.results;
    const paths = ['auto', 'dense', 'winograd', '1x1', '1x2', '1x4', '1x8', '1x16', '1x32'];
    expect(Object.keys(engines)).toEqual(['stock', ...paths.flatMap((label) => [label, `${label}, 2 threads`])]);
    expect(engines['dense, 2 threads']).toMatchObject({threads: 2, share: 1});
    const row = lines.findIndex((line) => line.startsWith('3x3 12 -> 12'));
    expect(lines[row + 1]).toMatch(/^ {2}2 threads( +\d+\.\d \(\d+\.\d\dx\)){9}$/);
  });

  test('--break-even measures every block size at every sparsity beside our dense path', () => {
    const {lines, json} = benchKernels('--filter', '1x1 96 -> 12', '--break-even');
    expect(lines.slice(1, 4).map((line) => line.split(/ {2,}/)[0])).toEqual([
      'pruned to break even',
      'goal',
      '1x1 96 -> 12 @ 16',
    ]);
    const [{denseMs, points, shares}] = json.breakEven;
    for (const n of [8, 4, 2, 1]) {
      expect(denseMs[n]).toBeGreaterThan(0);
      expect(points[n].map(({sparsity}: {sparsity: number}) => sparsity)).toEqual([
        0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6,
      ]);
      expect(points[n].every(({ms}: {ms: number}) => ms > 0)).toBe(true);
      expect(shares).toHaveProperty(String(n));
    }
  });

  test('--dispatch times regions without work, on spinning and on sleeping workers', () => {
    const {json} = benchKernels('--dispatch', '--threads', '2,3');
    expect(json.dispatchMicroseconds).toMatchObject([{threads: 2}, {threads: 3}]);
    for (const {spinning, asleep, unit} of json.dispatchMicroseconds) {
      for (const {low, median, high} of [spinning, asleep, unit]) {
        expect(low).toBeGreaterThan(0);
        expect(median).toBeGreaterThanOrEqual(low);
        expect(high).toBeGreaterThanOrEqual(median);
      }
    }
  });
});
