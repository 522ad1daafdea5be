import {existsSync, readFileSync} from 'node:fs';
import {builtinModules} from 'node:module';
import path from 'node:path';
import {gzipSync} from 'node:zlib';
import {DIST, ROOT} from './consumer';

const BUNDLES = ['index.mjs', 'index.cjs', 'index.umd.js'];
const DECLARATIONS = ['index.d.ts', 'index.d.cts'];
const MAX_GZIPPED_BYTES = 60 * 1024;

const read = (file: string) => readFileSync(path.join(DIST, file), 'utf8');

describe('dist/', () => {
  test.each([...BUNDLES, ...DECLARATIONS])('has %s', (file) => {
    expect(existsSync(path.join(DIST, file))).toBe(true);
  });

  test('has every file that package.json names', () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    const named = JSON.stringify([manifest.main, manifest.module, manifest.types, manifest.unpkg, manifest.exports]);
    const files = [...named.matchAll(/"(\.\/dist\/[^"]+)"/g)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect([file, existsSync(path.join(ROOT, file))]).toEqual([file, true]);
  });

  test.each(BUNDLES)('has %s, which is minified, within 60 KB as a page downloads it, gzipped', (file) => {
    const {length} = gzipSync(read(file), {level: 9});
    console.log(`${file}: ${(length / 1024).toFixed(1)} KB gzipped`);
    expect(length).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
  });

  test.each([...BUNDLES, ...DECLARATIONS])('has no path of the machine that built it in %s', (file) => {
    expect(read(file)).not.toContain(ROOT);
    expect(read(file)).not.toContain('file://');
  });

  test.each(BUNDLES)('has nothing in %s that only Node can import', (file) => {
    const imported = [...read(file).matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)["']([^"']+)["']/g)];
    const names = [...new Set(imported.map(([, name]) => name))];
    expect(names).toContain('@tensorflow/tfjs-core');
    expect(names.filter((name) => name.startsWith('node:') || builtinModules.includes(name))).toEqual([]);
    // tfjs is the app's own; anything else would be a dependency that package.json does not state.
    expect(names.filter((name) => !name.startsWith('@tensorflow/tfjs-'))).toEqual([]);
  });
});
