import {type BackendWasm, getThreadsCount} from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure} from '../../src';
import {registerBlockSparseBackend} from '../../src/backend';
import {type EmscriptenHeap, isShared, TfjsHeap} from '../../src/runtime';
import {OURS} from '../support/backends';
import {makeNetwork, startOnThreads, stopBackend} from '../support/network';
import {errorOfRange} from '../support/realModels';
import {until, workersThat} from '../support/workers';
import {registerStock} from '../support/stockBackend';
import {spyOnWarnings} from '../support/warnings';

const memoryOf = (backend: unknown) => TfjsHeap.of((backend as BackendWasm).wasm as unknown as EmscriptenHeap).memory;

const reasons = () => backendInfo().reasons.join('; ');

/** Other kernels add up in another order. */
const expectNear = (actual: Float32Array, expected: Float32Array) =>
  expect(errorOfRange(actual, expected)).toBeLessThan(1e-5);

const warnings = spyOnWarnings();

afterEach(async () => {
  jest.restoreAllMocks();
  await stopBackend();
});

/** What the start of our backend changes for a while. */
async function globals() {
  return {
    flag: await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT'),
    instantiate: WebAssembly.instantiate,
    instantiateStreaming: WebAssembly.instantiateStreaming,
  };
}

describe('the start of the backend', () => {
  it("leaves tfjs's flag and WebAssembly's functions as they were", async () => {
    const before = await globals();
    await startOnThreads(2);
    expect(await globals()).toEqual(before);
    expect(isShared(memoryOf(tf.backend()))).toBe(true);
  });

  it.each([true, false])('leaves them so when it fails, the flag being %s', async (flag) => {
    const initial = await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT');
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', flag);
    const before = await globals();
    tf.removeBackend('wasm');
    registerStock(() => Promise.reject(new Error('404')));
    try {
      await expect(startOnThreads(2)).rejects.toThrow(/did not start/);
    } finally {
      tf.removeBackend('wasm');
      registerStock();
    }
    expect(await globals()).toEqual(before);
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', initial);
    await startOnThreads(2);
    expect(backendInfo().threads).toBe(2);
  });

  it('leaves them so, and no workers behind, when it is called for twice at once', async () => {
    await stopBackend();
    const before = await globals();
    const factory = workersThat('good');
    configure({threads: 3, workerFactory: factory});
    registerBlockSparseBackend();
    try {
      await Promise.all([tf.setBackend(OURS), tf.setBackend(OURS)]);
      expect(await globals()).toEqual(before);
    } finally {
      WebAssembly.instantiate = before.instantiate;
      WebAssembly.instantiateStreaming = before.instantiateStreaming;
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', before.flag);
    }
    await until(() => factory.running === 2, 'two workers run', 3);
    expect(backendInfo().threads).toBe(3);
  });

  it("shares no memory but that of tfjs's own binary", async () => {
    const binary = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 109, 2, 0]);
    const starting = startOnThreads(2);
    const others: Promise<WebAssembly.WebAssemblyInstantiatedSource>[] = [];
    const timer = setInterval(() => others.push(WebAssembly.instantiate(binary)), 0);
    await starting;
    clearInterval(timer);
    expect(others.length).toBeGreaterThan(0);
    for (const {instance} of await Promise.all(others)) {
      expect(isShared(instance.exports.m as WebAssembly.Memory)).toBe(false);
    }
  });

  describe('where the memory cannot be had shared', () => {
    beforeEach(() => {
      const {instantiate} = WebAssembly;
      jest.spyOn(WebAssembly, 'instantiate').mockImplementation((async (source: BufferSource, imports?: object) => {
        const result = (await instantiate(source, imports as WebAssembly.Imports)) as
          WebAssembly.Instance | WebAssembly.WebAssemblyInstantiatedSource;
        const memory = 'instance' in result ? result.instance.exports.memory : undefined;
        if (memory instanceof WebAssembly.Memory && isShared(memory)) throw new RangeError('could not allocate memory');
        return result;
      }) as typeof WebAssembly.instantiate);
    });

    it('runs on one thread, gives what stock wasm gives, and says so once and only to those who want more', async () => {
      const backend = await startOnThreads(1);
      expect(isShared(memoryOf(backend))).toBe(false);
      const network = makeNetwork(11);
      const ours = network.run();
      expect(warnings()).not.toHaveBeenCalled();
      configure({threads: 3});
      expect(backendInfo().threads).toBe(1);
      expect(getThreadsCount()).toBe(1);
      expect(reasons()).toMatch('one thread: ');
      await tf.setBackend('wasm');
      expectNear(network.run(), ours);
      network.dispose();
      const message = [expect.stringMatching(/^blocksparse-1xn: runs on one thread: .+/)];
      expect(warnings().mock.calls).toEqual([message]);
      await startOnThreads(4);
      expect(backendInfo().threads).toBe(1);
      expect(warnings().mock.calls).toEqual([message]);
    });
  });
});
