import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

const stockFactory = tf.findBackendFactory('wasm');

/** Registers the stock backend, or something else in its place; after `tf.removeBackend('wasm')`. */
export function registerStock(factory = stockFactory): void {
  tf.registerBackend('wasm', factory, 2);
}
