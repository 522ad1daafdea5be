import {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {type backend_util, type DataType} from '@tensorflow/tfjs-core';
import {KernelRunner, type KernelModule, type KernelVariant, type TfjsHeap} from '../runtime';
import {TapCache} from './tapCache';
import type {Threads} from './threads';
import {WeightCache} from './weightCache';

/** Uses after which a tensor that a kernel made (a trained variable, say) counts as a weight. */
const USES_OF_A_WEIGHT = 3;

/**
 * tfjs's wasm backend with packed weights. Tensors, and every kernel that this package does not replace, are
 * `BackendWasm`'s own.
 */
export class BlockSparseBackend extends BackendWasm {
  readonly heap: TfjsHeap;
  readonly weightCache: WeightCache;
  readonly tapCache: TapCache;
  readonly runner: KernelRunner;
  /** Data that came from JavaScript rather than from a kernel: model weights do. */
  private readonly uploaded = new WeakSet<object>();
  private readonly uses = new WeakMap<object, number>();

  /**
   * @param wasm tfjs's module, initialised.
   * @param heap its memory.
   * @param kernels our kernels on that memory.
   */
  constructor(
    wasm: BackendWasm['wasm'],
    heap: TfjsHeap,
    kernels: KernelModule,
    readonly variant: KernelVariant,
    private readonly variantReason: string,
    readonly threads: Threads,
  ) {
    super(wasm);
    this.heap = heap;
    this.weightCache = new WeightCache(heap, variant);
    this.tapCache = new TapCache(heap, kernels);
    this.runner = new KernelRunner(heap, kernels, variant, threads.pool);
  }

  /** Why this variant and this number of threads. */
  get reasons(): string[] {
    return [this.variantReason, ...this.threads.reasons];
  }

  /**
   * Whether a tensor deserves to be packed: it was uploaded, or has been used as a filter before. Kernel outputs that
   * are used once or twice (attention, a training step's variables) are not worth it.
   */
  isWeight(dataId: object): boolean {
    if (this.uploaded.has(dataId)) return true;
    const uses = (this.uses.get(dataId) ?? 0) + 1;
    this.uses.set(dataId, uses);
    return uses >= USES_OF_A_WEIGHT;
  }

  override move(
    dataId: object,
    values: backend_util.BackendValues | null,
    shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    super.move(dataId, values as backend_util.BackendValues, shape, dtype, refCount);
    if (values != null) this.uploaded.add(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    const released = super.disposeData(dataId, force);
    if (released) {
      this.weightCache.release(dataId);
      this.tapCache.release(dataId);
    }
    return released;
  }

  /**
   * Forgets a tensor without freeing its memory, which a worker that was given up may still write to.
   */
  abandonData(dataId: object): void {
    this.dataIdMap.delete(dataId);
  }

  override dispose(): void {
    this.weightCache.dispose();
    this.tapCache.dispose();
    this.runner.dispose();
    this.threads.dispose();
    super.dispose();
  }
}
