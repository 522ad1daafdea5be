import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {ROOT} from '../bench/benchmarkModule';
import {describeInChromium} from '../support/chromium';
import {type Script, SCRIPTS} from '../support/workers';

/** What threadsInChromium.mjs takes. */
interface Scenario {
  /** Whether the page is served with COOP and COEP headers. */
  readonly isolated: boolean;
  /** Its Content-Security-Policy. */
  readonly policy?: string;
  readonly threads: number;
  /** Script of the workers that `workerFactory` makes; without it there is no factory. */
  readonly workerUrl?: '/dist/worker.js' | '/failing.js';
  /** What /failing.js is. */
  readonly workerSource?: string;
  /** Whether everything runs in a worker of the page. */
  readonly inWorker?: boolean;
  /** Whether the page is hidden, shown and frozen afterwards. */
  readonly hide?: boolean;
}

interface Report {
  readonly isolated: boolean;
  readonly inWorker: boolean;
  /** After the start, and after some inferences. */
  readonly threads: readonly [number, number];
  readonly reasons: readonly string[];
  /** What was said on the console. */
  readonly warnings: readonly string[];
  /** Whether the heap is. */
  readonly shared: boolean;
  /** Whether all inferences gave the same bits, also on one thread. */
  readonly sameBits: boolean;
  /** From stock wasm, as a share of the range of the outputs. */
  readonly difference: number;
  readonly visits?: readonly {readonly state: string; readonly sameBits: boolean}[];
}

async function runInChromium(scenario: Scenario): Promise<Report> {
  const script = path.join(ROOT, 'test/browser/threadsInChromium.mjs');
  const {stdout} = await promisify(execFile)(process.execPath, [script, JSON.stringify(scenario)], {timeout: 60_000});
  return JSON.parse(stdout) as Report;
}

function expectRightOutputs({sameBits, difference}: Report): void {
  expect(sameBits).toBe(true);
  expect(difference).toBeLessThan(1e-4);
}

const OWN_WORKERS_ONLY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

describeInChromium()('threads in a page of Chromium', () => {
  it.each([
    ['in the page', false],
    ['in a worker of the page, which may wait', true],
  ])('run if it is cross-origin isolated, and give the outputs of stock and of one thread: %s', async (_, inWorker) => {
    const report = await runInChromium({isolated: true, threads: 4, inWorker});
    expect(report).toMatchObject({isolated: true, inWorker, threads: [4, 4], warnings: [], shared: true});
    expectRightOutputs(report);
  });

  it('do not run if it is not, which one warning explains by the headers that are missing', async () => {
    const report = await runInChromium({isolated: false, threads: 4});
    expect(report).toMatchObject({isolated: false, threads: [1, 1], shared: false});
    const headers = "'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp'";
    expect(report.warnings).toEqual([expect.stringMatching(`^blocksparse-1xn: runs on one thread: .*${headers}$`)]);
    expect(report.reasons.at(-1)).toMatch(headers);
    expectRightOutputs(report);
  });

  it('do not run if its policy forbids workers from blobs, which one warning says', async () => {
    const report = await runInChromium({isolated: true, threads: 4, policy: OWN_WORKERS_ONLY});
    expect(report.threads).toEqual([1, 1]);
    expect(report.warnings).toEqual([
      expect.stringMatching(/^blocksparse-1xn: 3 of 3 worker threads did not start \(.*blocked\); one thread is left$/),
    ]);
    expectRightOutputs(report);
  });

  it('run under that policy on workers that the page makes, classic ones and modules', async () => {
    const scenario = {isolated: true, threads: 4, policy: OWN_WORKERS_ONLY, workerUrl: '/dist/worker.js'} as const;
    const report = await runInChromium(scenario);
    expect(report).toMatchObject({threads: [4, 4], warnings: []});
    expectRightOutputs(report);
  });

  it.each([
    ['loops', 'in the page', false, /silent for 2 s/],
    ['dies', 'in a worker of it', true, /silent for 2 s/],
    ['throwsInTask3', 'in the page', false, /a worker thread threw/],
  ] as const)('that fail in the middle cost no result: %s, %s', async (script: Script, _, inWorker, message) => {
    const scenario = {isolated: true, threads: 3, workerUrl: '/failing.js', inWorker} as const;
    const report = await runInChromium({...scenario, workerSource: SCRIPTS[script]});
    expect(report.threads).toEqual([3, 1]);
    expect(report.warnings).toEqual([expect.stringMatching(message)]);
    expectRightOutputs(report);
  });

  it('go on when the page is hidden, shown and frozen', async () => {
    const report = await runInChromium({isolated: true, threads: 3, hide: true});
    const visits = ['visible', 'hidden', 'visible', 'hidden', 'visible'].map((state) => ({state, sameBits: true}));
    expect(report).toMatchObject({threads: [3, 3], warnings: [], visits});
    expectRightOutputs(report);
  });
});
