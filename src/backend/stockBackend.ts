// Starting tfjs's own wasm backend, fresh, on a heap that threads can share.
import {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {env, findBackendFactory} from '@tensorflow/tfjs-core';
import {withSharedMemory} from '../runtime';

const THREADS_FLAG = 'WASM_HAS_MULTITHREAD_SUPPORT';

/** An export by which tfjs's binary is known among others that a page may be loading at the same time. */
const TFJS_EXPORT = 'init_with_threads_count';

/**
 * A fresh stock backend on the single-threaded SIMD build. Its threaded build brings a pool of threads of its own, which
 * would compete with ours; therefore the single-threaded build is loaded on a memory that is declared shared.
 *
 * @param shared false leaves the memory as it is
 * @throws Error if the 'wasm' backend is not registered, or what it throws where its binary is not found
 */
export function startStockBackend(shared: boolean): Promise<BackendWasm> {
  // One at a time: each puts back what it found.
  const started = lastStart.then(() => start(shared));
  lastStart = started.catch(() => undefined);
  return started;
}

let lastStart: Promise<unknown> = Promise.resolve();

async function start(shared: boolean): Promise<BackendWasm> {
  const factory = findBackendFactory('wasm');
  if (!factory)
    throw new Error(
      "blocksparse-1xn: the stock 'wasm' backend is not registered; import '@tensorflow/tfjs-backend-wasm'",
    );
  const threads = await env().getAsync(THREADS_FLAG);
  env().set(THREADS_FLAG, false);
  const putBack = shared ? shareMemoryOfTfjs() : () => undefined;
  try {
    return (await factory()) as BackendWasm;
  } finally {
    putBack();
    env().set(THREADS_FLAG, threads);
  }
}

/**
 * The number that the user gave tfjs's `setThreadsCount`, which tfjs keeps to itself and tells its module when a backend
 * is made.
 *
 * @returns null if there is none
 */
export function threadsSetInTfjs(wasm: BackendWasm['wasm']): number | null {
  const {initWithThreadsCount} = wasm.tfjs;
  let count = -1;
  wasm.tfjs.initWithThreadsCount = (threads) => {
    count = threads;
  };
  try {
    new BackendWasm(wasm);
  } finally {
    wasm.tfjs.initWithThreadsCount = initWithThreadsCount;
  }
  return count > 0 ? count : null;
}

/**
 * Lets WebAssembly's functions declare the memory of tfjs's binary shared until the returned function puts them back.
 * Where tfjs finds its binary is its own business (`setWasmPaths`), so it is met where it is compiled. Any other module
 * that comes by, and tfjs's if it cannot be had on a shared memory, is instantiated as it is.
 */
function shareMemoryOfTfjs(): () => void {
  const {instantiate, instantiateStreaming} = WebAssembly;

  const fromBytes = async (bytes: Uint8Array<ArrayBuffer>, imports?: WebAssembly.Imports) => {
    if (isTfjs(bytes)) {
      try {
        return await instantiate(withSharedMemory(bytes), imports);
      } catch {
        // Not enough address space, say: the caller finds the memory unshared and runs on one thread.
      }
    }
    return instantiate(bytes, imports);
  };

  WebAssembly.instantiate = ((source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) => {
    if (source instanceof WebAssembly.Module) return instantiate(source, imports);
    return fromBytes(bytesOf(source), imports);
  }) as typeof WebAssembly.instantiate;
  if (instantiateStreaming) {
    WebAssembly.instantiateStreaming = async (source, imports) => {
      const response = await source;
      if (!response.ok) return instantiateStreaming(response, imports); // fails as it would have
      return fromBytes(new Uint8Array(await response.arrayBuffer()), imports);
    };
  }
  return () => {
    WebAssembly.instantiate = instantiate;
    if (instantiateStreaming) WebAssembly.instantiateStreaming = instantiateStreaming;
  };
}

function bytesOf(source: BufferSource): Uint8Array<ArrayBuffer> {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

function isTfjs(binary: Uint8Array<ArrayBuffer>): boolean {
  return new TextDecoder('latin1').decode(binary).includes(TFJS_EXPORT);
}
