import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {ROOT} from '../bench/benchmarkModule';
import {describeInChromium} from '../support/chromium';

interface Report {
  /** Of all results, for each number of threads. */
  readonly checksums: readonly number[];
  /** Of an inverse from the calling thread. */
  readonly inverse: number;
  /** Those that answered. */
  readonly workers: number;
}

async function runInChromium(scenario: object): Promise<{readonly page: Report; readonly node: Report}> {
  const script = path.join(ROOT, 'test/browser/linearAlgebraInChromium.mjs');
  const request = JSON.stringify({size: 300, threads: [1, 2, 3], ...scenario});
  const {stdout} = await promisify(execFile)(process.execPath, [script, request], {timeout: 60_000});
  return JSON.parse(stdout);
}

describeInChromium()('the linear algebra of pruning in a page of Chromium', () => {
  it.each([
    ['that is not isolated', {}, 5],
    ['that is', {isolated: true}, 5],
    ['whose policy forbids workers from blobs', {policy: "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'"}, 0],
  ])('gives the bits of Node on any number of threads, in one %s', async (_, scenario, workers) => {
    const {page, node} = await runInChromium(scenario);
    expect(page.workers).toBe(workers);
    expect(page.checksums).toEqual([node.checksums[0], node.checksums[0], node.checksums[0]]);
    expect(page.inverse).toBe(node.inverse);
    expect(node.checksums[0]).not.toBe(0);
  });
});
