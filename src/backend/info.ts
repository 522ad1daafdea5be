import {activeBackend} from './register';

/** What the running backend is and why. */
export interface BackendInfo {
  /** Kernel build: with fused multiply-adds ('relaxed') or without. */
  readonly variant: 'relaxed' | 'simd128';
  /** Threads that kernels run on, the calling one included. */
  readonly threads: number;
  /** Why this variant and this number of threads. */
  readonly reasons: readonly string[];
  /** Weight tensors that hold a packed form. */
  readonly packedFilters: number;
  /** Bytes that packed weights hold in the heap, beside the tensors themselves. */
  readonly packedBytes: number;
  /**
   * Bytes that `tf.memory().numBytes` counts and nobody holds: uploaded weights that were packed, and that nobody has
   * read since.
   */
  readonly droppedBytes: number;
  /** Bytes of working memory, and of what programs work on. */
  readonly scratchBytes: number;
}

/**
 * Facts about the running backend.
 *
 * @throws Error before the first `tf.setBackend('blocksparse-1xn')`.
 */
export function backendInfo(): BackendInfo {
  const backend = activeBackend();
  if (!backend) {
    throw new Error("backendInfo: the backend has not started; call await tf.setBackend('blocksparse-1xn') first");
  }
  return {
    variant: backend.variant,
    threads: backend.threads.count,
    reasons: backend.reasons,
    packedFilters: backend.weightCache.size,
    packedBytes: backend.weightCache.bytes + backend.tapCache.bytes,
    droppedBytes: backend.dataIdMap.droppedBytes,
    scratchBytes: backend.runner.bytes + backend.workspace.bytes,
  };
}
