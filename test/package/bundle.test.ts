import {existsSync, readFileSync} from 'node:fs';
import {builtinModules} from 'node:module';
import path from 'node:path';
import {gzipSync} from 'node:zlib';
import terser from '@rollup/plugin-terser';
import {rollup} from 'rollup';
import {DIST, ROOT} from './consumer';

const BUNDLES = ['index.mjs', 'index.cjs', 'index.umd.js'];
const DECLARATIONS = ['index.d.ts', 'index.d.cts'];
/** What every page pays that runs models on the backend. */
const MOST_FOR_THE_BACKEND = 60 * 1024;
/** With all that rewrites, saves and inspects models. */
const MOST_FOR_ALL = 115 * 1024;

const gzipped = (code: string | Uint8Array) => gzipSync(code, {level: 9}).length;

const read = (file: string) => readFileSync(path.join(DIST, file), 'utf8');

describe('dist/', () => {
  test.each([...BUNDLES, ...DECLARATIONS])('has %s', (file) => {
    expect(existsSync(path.join(DIST, file))).toBe(true);
  });

  test('has every file that package.json names', () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    const named = JSON.stringify([
      manifest.main,
      manifest.module,
      manifest.types,
      manifest.unpkg,
      manifest.exports,
      manifest.bin,
    ]);
    const files = [...named.matchAll(/"(\.\/dist\/[^"]+)"/g)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect([file, existsSync(path.join(ROOT, file))]).toEqual([file, true]);
  });

  test.each(BUNDLES)(
    'has %s, which is minified, within 115 KB as a page without a bundler downloads it, gzipped',
    (file) => {
      const length = gzipped(read(file));
      console.log(`${file}: ${(length / 1024).toFixed(1)} KB gzipped`);
      expect(length).toBeLessThanOrEqual(MOST_FOR_ALL);
    },
  );

  test('is at most 60 KB, gzipped, of what a bundler leaves of an app that imports the backend alone', async () => {
    const app = {
      name: 'app',
      resolveId: (id: string) => (id === 'app' ? id : null),
      load: (id: string) => (id === 'app' ? `import ${JSON.stringify(path.join(DIST, 'index.mjs'))};` : null),
    };
    const bundle = await rollup({input: 'app', external: [/^@tensorflow\//], plugins: [app]});
    const {output} = await bundle.generate({format: 'es', plugins: [terser()]});
    const [{code}] = output;
    console.log(`the backend alone: ${(gzipped(code) / 1024).toFixed(1)} KB gzipped`);
    expect(gzipped(code)).toBeLessThanOrEqual(MOST_FOR_THE_BACKEND);
    // Nothing of what only pruning needs.
    for (const words of ['Unknown prune option', 'depends on their order']) {
      expect(read('index.mjs')).toContain(words);
      expect(code).not.toContain(words);
    }
  });

  test.each([...BUNDLES, ...DECLARATIONS, 'cli.mjs'])('has no path of the machine that built it in %s', (file) => {
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

  test('has a command line that imports the library beside it, and else what package.json names', () => {
    const {dependencies, peerDependencies} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    const imported = [...read('cli.mjs').matchAll(/(?:\bfrom |\bimport\()["']([^"']+)["']/g)].map(([, name]) => name);
    expect(imported).toEqual(expect.arrayContaining(['./index.mjs', ...Object.keys(dependencies)]));
    const known = ['./index.mjs', ...Object.keys(dependencies), ...Object.keys(peerDependencies)];
    // The backend cpu comes with that of wasm; it is imported on request.
    const others = imported.filter((name) => !known.includes(name) && name !== '@tensorflow/tfjs-backend-cpu');
    expect(others.filter((name) => !name.startsWith('node:'))).toEqual([]);
  });
});
