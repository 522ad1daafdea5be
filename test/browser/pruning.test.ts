import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import {ROOT} from '../bench/benchmarkModule';
import {LAYERS, network, SIZE} from '../graph/repairNetwork';
import {describeInChromium} from '../support/chromium';

interface Report {
  readonly inWorker: boolean;
  readonly weights: ReadonlyArray<readonly [name: string, values: readonly number[]]>;
  readonly stages: readonly string[];
  /** Of the event loop, while it pruned. */
  readonly turns: number;
  readonly measured: ReadonlyArray<{readonly name: string; readonly keptOut: {readonly kl: number}}>;
}

async function pruneEverywhere(options: object): Promise<Record<'page' | 'worker' | 'node', Report>> {
  const {weightData, ...model} = network();
  const data = Buffer.from(weightData as ArrayBuffer).toString('base64');
  const folder = mkdtempSync(path.join(tmpdir(), 'pruning-'));
  try {
    const request = path.join(folder, 'request.json');
    writeFileSync(request, JSON.stringify({model, data, count: 60, size: SIZE, options}));
    const script = path.join(ROOT, 'test/browser/pruningInChromium.mjs');
    const {stdout} = await promisify(execFile)(process.execPath, [script, request], {
      maxBuffer: 1 << 26,
      timeout: 100_000,
    });
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

describeInChromium()('pruning with samples in Chromium', () => {
  it.each([
    ['by least squares', {n: 2, sparsity: {macs: 0.4}}],
    ['with distillation', {n: 4, sparsity: 0.5, repair: 'distill'}],
  ])('gives what Node gives, in a page and in a worker of it: %s', async (_, options) => {
    const {page, worker, node} = await pruneEverywhere({...options, layers: LAYERS});
    expect([page, worker, node].map(({inWorker}) => inWorker)).toEqual([false, true, false]);
    expect(node.measured.at(-1)!.keptOut.kl).toBeLessThan(node.measured[0].keptOut.kl);
    for (const there of [page, worker]) {
      expect(there.stages).toEqual(node.stages);
      expect(there.turns).toBeGreaterThan(node.stages.length);
      expect(there.weights.map(([name]) => name)).toEqual(node.weights.map(([name]) => name));
      for (const [i, [name, values]] of node.weights.entries()) {
        const size = Math.max(...values.map(Math.abs));
        const [, others] = there.weights[i];
        const far = values.filter((value, at) => !(Math.abs(value - others[at]) <= 1e-5 * size));
        expect([name, far]).toEqual([name, []]);
        expect([name, others.map((value) => value === 0)]).toEqual([name, values.map((value) => value === 0)]);
      }
      there.measured.forEach(({name, keptOut}, i) => {
        expect(name).toBe(node.measured[i].name);
        expect(Math.abs(keptOut.kl / node.measured[i].keptOut.kl - 1)).toBeLessThan(1e-4);
      });
    }
  });
});
