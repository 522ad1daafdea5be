// A small network, heavy enough for several threads, and our backend on a number of them.
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, type BlockSparseOptions, configure} from '../../src';
import {registerBlockSparseBackend} from '../../src/backend';
import {OURS} from './backends';
import {blockSparseFloats, randomFloats, randomNumbers} from './random';
import {until} from './workers';

/**
 * Starts our backend afresh, on so many threads, with the options that it has by default.
 *
 * @throws Error if it does not start
 */
export async function startOnThreads(
  threads: number | 'auto',
  changes: BlockSparseOptions = {},
): Promise<BlockSparseBackend> {
  await stopBackend();
  configure({threads, variant: 'auto', path: 'auto', skipZeros: true, workerFactory: null, ...changes});
  registerBlockSparseBackend();
  if (!(await tf.setBackend(OURS))) throw new Error(`${OURS} did not start`);
  return tf.backend() as BlockSparseBackend;
}

/** Removes our backend, if it is there. */
export async function stopBackend(): Promise<void> {
  await tf.setBackend('cpu');
  if (tf.findBackendFactory(OURS)) tf.removeBackend(OURS);
}

/** A network whose weights are made on the backend that is active when they are. */
export interface Network {
  /** One inference. */
  run(): Float32Array;
  /** The same, which gives other code a turn after every layer. */
  runInSteps(between?: () => Promise<unknown>): Promise<Float32Array>;
  dispose(): void;
}

/** Convolutions 1x1 (dense and sparse), 3x3, depthwise, and a MatMul: all of some 100 microseconds or more. */
export function makeNetwork(seed: number): Network {
  const random = randomNumbers(seed);
  const floats = (...shape: number[]) => tf.tensor(randomFloats(tf.util.sizeFromShape(shape), random), shape);
  const x = floats(1, 36, 36, 24) as tf.Tensor4D;
  const expand = floats(1, 1, 24, 96) as tf.Tensor4D;
  const taps = floats(3, 3, 96, 1) as tf.Tensor4D;
  const sparse = tf.tensor4d(blockSparseFloats(96, 64, 4, 0.5, random), [1, 1, 96, 64]);
  const square = floats(3, 3, 64, 48) as tf.Tensor4D;
  const matrix = floats(48, 64) as tf.Tensor2D;
  const bias = floats(96) as tf.Tensor1D;
  const layers: ((input: tf.Tensor) => tf.Tensor)[] = [
    (input) =>
      tf.fused.conv2d({x: input as tf.Tensor4D, filter: expand, strides: 1, pad: 'same', bias, activation: 'relu6'}),
    (input) => tf.depthwiseConv2d(input as tf.Tensor4D, taps, 1, 'same'),
    (input) => tf.conv2d(input as tf.Tensor4D, sparse, 1, 'same'),
    (input) => tf.fused.conv2d({x: input as tf.Tensor4D, filter: square, strides: 2, pad: 'same', activation: 'elu'}),
    (input) => tf.matMul(tf.reshape(input, [-1, 48]), matrix),
  ];
  return {
    run: () => tf.tidy(() => layers.reduce((input, layer) => layer(input), x as tf.Tensor).dataSync() as Float32Array),
    async runInSteps(between = () => tf.nextFrame()) {
      let input: tf.Tensor = x;
      for (const layer of layers) {
        const output = tf.tidy(() => layer(input));
        if (input !== x) input.dispose();
        input = output;
        await between();
      }
      const result = (await input.data()) as Float32Array;
      input.dispose();
      return result;
    },
    dispose: () => tf.dispose([x, expand, taps, sparse, square, matrix, bias]),
  };
}

/** Whether two results have the same bits. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.length > 0 && Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
}

/** Changes the number of threads of the running backend; resolves when so many run. */
export async function setThreads(threads: number): Promise<void> {
  configure({threads});
  await until(() => backendInfo().threads === threads, `${threads} threads run`);
}
