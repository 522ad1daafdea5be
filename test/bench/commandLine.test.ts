import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {ROOT} from './benchmarkModule';

const url = (file: string) => pathToFileURL(path.join(ROOT, 'benchmarks/lib', file)).href;

/** Runs a script's main in a Node of its own, with stock's WebAssembly module there, which handles what is uncaught. */
function runMain(main: string) {
  const script = `
    import * as tf from '@tensorflow/tfjs-core';
    import '@tensorflow/tfjs-backend-wasm';
    import {runMain} from '${url('commandLine.mjs')}';
    import {UserError} from '${url('userError.mjs')}';
    await tf.setBackend('wasm');
    await tf.ready();
    await runMain('the script', async () => { ${main} });
  `;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], {cwd: ROOT, encoding: 'utf8'});
}

describe('a script of the benchmarks', () => {
  test('ends with a line for what the user can put right', () => {
    const run = runMain(`throw new UserError('give a model');`);
    expect([run.status, run.stderr]).toEqual([1, 'the script: give a model\n']);
  });

  test('names any other error, one that Node prints as undefined when it is thrown again, too', () => {
    for (const main of [`throw new TypeError('wrong');`, 'Math.max(...new Float32Array(2e6));']) {
      const run = runMain(main);
      expect(run.status).toBe(1);
      expect(run.stderr).toMatch(/^(TypeError: wrong|RangeError: Maximum call stack size exceeded)\n {4}at /);
    }
  });
});
