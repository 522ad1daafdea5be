import {rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {makeConsumer, runNode} from './consumer';

/** What the README promises. */
const FUNCTIONS = ['backendInfo', 'configure', 'inspectModel', 'planLayersModel', 'pruneGraphModel', 'pruneOnLoad'];

let folder: string;

beforeAll(() => {
  folder = makeConsumer();
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** Runs a script in the consumer's folder; its last line on stdout is JSON. */
function run(name: string, script: string): unknown {
  writeFileSync(path.join(folder, name), script);
  const {status, stdout, stderr} = runNode(folder, [name]);
  if (status !== 0) throw new Error(`${name} exits with ${status}: ${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}

const REPORT = `
  const functions = ${JSON.stringify(FUNCTIONS)}.filter((name) => typeof ours[name] === 'function');
  const setAndAsk = async () => [await tf.setBackend('blocksparse-1xn'), tf.getBackend()];
  setAndAsk().then((answers) => console.log(JSON.stringify({functions, answers})));
`;

describe('an app that has installed the package', () => {
  test('imports it as an ES module and finds the backend in its own tfjs', () => {
    const script = `
      import * as tf from '@tensorflow/tfjs-core';
      import * as ours from 'tfjs-backend-blocksparse-1xn';
      ${REPORT}`;
    expect(run('import.mjs', script)).toEqual({functions: FUNCTIONS, answers: [true, 'blocksparse-1xn']});
  });

  test('requires it as CommonJS and finds the backend in its own tfjs', () => {
    const script = `
      const tf = require('@tensorflow/tfjs-core');
      const ours = require('tfjs-backend-blocksparse-1xn');
      ${REPORT}`;
    expect(run('require.cjs', script)).toEqual({functions: FUNCTIONS, answers: [true, 'blocksparse-1xn']});
  });

  test('can ask where the script for pages is, and for the version', () => {
    const script = `
      console.log(JSON.stringify({
        umd: require.resolve('tfjs-backend-blocksparse-1xn/umd').split(/[\\\\/]/).at(-1),
        version: require('tfjs-backend-blocksparse-1xn/package.json').version,
      }));`;
    expect(run('resolve.cjs', script)).toEqual({
      umd: 'index.umd.js',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test('cannot reach into files that are not exported', () => {
    expect(() => run('deep.cjs', "require('tfjs-backend-blocksparse-1xn/dist/index.cjs');")).toThrow(
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
    );
  });

  test.each([
    ['wasm', '@tensorflow/tfjs-backend-cpu'],
    ['wasm', '@tensorflow/tfjs-backend-wasm'],
  ])('still gets %s by default, having imported %s too', (backend, other) => {
    const script = `
      import '${other}';
      import 'tfjs-backend-blocksparse-1xn';
      import * as tf from '@tensorflow/tfjs-core';
      await tf.ready();
      console.log(JSON.stringify(tf.getBackend()));`;
    expect(run('default.mjs', script)).toBe(backend);
  });

  test('keeps the backend that it has chosen before the import', () => {
    const script = `
      import '@tensorflow/tfjs-backend-cpu';
      import * as tf from '@tensorflow/tfjs-core';
      await tf.setBackend('cpu');
      await import('tfjs-backend-blocksparse-1xn');
      await tf.ready();
      console.log(JSON.stringify(tf.getBackend()));`;
    expect(run('chosen.mjs', script)).toBe('cpu');
  });
});
