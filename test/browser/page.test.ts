import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {ROOT} from '../bench/benchmarkModule';
import {describeInChromium} from '../support/chromium';

interface PageResult {
  readonly defaultBackend: string;
  readonly backend: string;
  readonly differences: readonly {readonly modelUrl: string; readonly relative: number | null}[];
  readonly variant: string;
  readonly threads: number;
  readonly tensorsLeft: number;
  readonly isolated: boolean;
  readonly problems: readonly string[];
}

async function compareInChromium(kind: 'esm' | 'umd', isolation: 'plain' | 'isolated'): Promise<PageResult> {
  const script = path.join(ROOT, 'test/browser/compareInChromium.mjs');
  const {stdout} = await promisify(execFile)(process.execPath, [script, kind, isolation]);
  return JSON.parse(stdout) as PageResult;
}

describeInChromium()('the built bundle, in a page of Chromium,', () => {
  test.each([
    ['imported as an ES module', 'esm', 'plain'],
    ['loaded by script tags beside those of tfjs', 'umd', 'plain'],
    ['imported in a cross-origin-isolated page', 'esm', 'isolated'],
  ] as const)('gives what stock wasm gives, on real models, untouched and pruned, %s', async (_, kind, isolation) => {
    const result = await compareInChromium(kind, isolation);
    expect(result.problems).toEqual([]);
    expect(result.isolated).toBe(isolation === 'isolated');
    expect(result.defaultBackend).toBe('wasm');
    expect(result.backend).toBe('blocksparse-1xn');
    // Every Chromium since 114 has relaxed SIMD.
    expect(result.variant).toBe('relaxed');
    expect(result.differences).toHaveLength(3);
    for (const {relative} of result.differences) {
      expect(relative).not.toBeNull();
      expect(relative).toBeLessThanOrEqual(1e-4);
    }
    expect(result.tensorsLeft).toBe(0);
  });
});
