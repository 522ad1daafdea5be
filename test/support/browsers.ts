import {callBenchmarkModule} from '../bench/benchmarkModule';

const FINDERS = {chromium: ['chromium.mjs', 'findChromium'], firefox: ['firefox.mjs', 'findFirefox']} as const;

/** @returns whether there is the browser; a word about it where there is none */
export function findInstalledBrowser(name: keyof typeof FINDERS): boolean {
  try {
    const [file, find] = FINDERS[name];
    callBenchmarkModule<string>(file, find);
    return true;
  } catch (error) {
    console.warn(`Tests in ${name} are skipped: ${(error as Error).message}`);
    return false;
  }
}
