import {callBenchmarkModule} from '../bench/benchmarkModule';

/**
 * `describe`, or `describe.skip` and a word about it where there is no Chromium. On a CI machine a missing browser is a
 * failure, not a reason to skip.
 */
export function describeInChromium(): jest.Describe {
  try {
    callBenchmarkModule<string>('chromium.mjs', 'findChromium');
    return describe;
  } catch (error) {
    if (process.env.CI) throw error;
    console.warn(`Browser tests are skipped: ${(error as Error).message}`);
    return describe.skip; // never on CI, see above
  }
}
