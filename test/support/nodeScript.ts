import {spawn} from 'node:child_process';
import {resolve} from 'node:path';
import {plainEnv} from './plainEnv';

const ROOT = resolve(__dirname, '../..');

/** How a process ended. */
export interface Ended {
  /** null if it had to be killed, for it did not end by itself. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs an ES module in a Node of its own, from the root of this package: it may import the built package by its name.
 *
 * @param seconds after which it is killed
 */
export function runScript(source: string, seconds = 30): Promise<Ended> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {cwd: ROOT, env: plainEnv});
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const output = {stdout: '', stderr: ''};
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(timer);
      done({code, ...output});
    });
  });
}

/** The start of a script: tfjs as `tf`, our package as `ours`, and `convolve()`, which several threads share. */
export const PREAMBLE = `
  import * as tf from '@tensorflow/tfjs-core';
  import '@tensorflow/tfjs-backend-cpu';
  import * as ours from 'tfjs-backend-blocksparse-1xn';
  const values = (...shape) => {
    const size = shape.reduce((a, b) => a * b);
    return tf.tensor(Float32Array.from({length: size}, (_, i) => Math.sin(i * i)), shape);
  };
  const convolve = () => tf.tidy(() => tf.conv2d(values(1, 48, 48, 32), values(3, 3, 32, 48), 1, 'same').dataSync());
  const differenceFrom = (expected) => {
    const actual = convolve();
    return Math.max(...expected.map((x, i) => Math.abs(x - actual[i])));
  };
`;
