import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {ROOT} from '../bench/benchmarkModule';
import {describeInChromium} from '../support/chromium';

interface Report {
  readonly same: Readonly<Record<string, boolean>>;
  readonly droppedBytes: number;
  readonly folder: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly saved: number;
}

describeInChromium()('a packed model in a page', () => {
  test('is saved in IndexedDB and loads from there with the bits of the plain one, packed where our backend is', async () => {
    const script = path.join(ROOT, 'test/browser/packedInChromium.mjs');
    const {stdout} = await promisify(execFile)(process.execPath, [script]);
    const report = JSON.parse(stdout) as Report;
    expect(report.same).toEqual({'blocksparse-1xn': true, wasm: true});
    expect(report.droppedBytes).toBeGreaterThan(report.bytesBefore - report.bytesAfter);
    expect(report.saved).toBe(report.bytesAfter);
    expect(report.folder).toMatch(/no file system for the folder 'folder'/);
  });
});
