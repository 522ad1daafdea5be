import * as tf from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../../src';

/** Wraps tfjs's allocator: what is allocated and not freed, by address. */
export function watchAllocations(): Map<number, number> {
  const module = (tf.backend() as BlockSparseBackend).wasm as unknown as {
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
  const live = new Map<number, number>();
  module._free(module._malloc(8)); // Emscripten puts the real functions there when they are first called
  const {_malloc, _free} = module;
  module._malloc = (bytes) => {
    const address = _malloc(bytes);
    live.set(address >>> 0, bytes);
    return address;
  };
  module._free = (address) => {
    live.delete(address >>> 0);
    _free(address);
  };
  return live;
}
