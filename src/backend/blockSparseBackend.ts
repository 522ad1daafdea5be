import {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import type {backend_util, DataType, TensorInfo} from '@tensorflow/tfjs-core';
import type {PackedWeight} from '../packed';
import {HeapBlock, KernelRunner, type KernelModule, type KernelVariant, type TfjsHeap} from '../runtime';
import {TapCache} from './tapCache';
import {TensorStorage} from './tensorStorage';
import type {Threads} from './threads';
import {WeightCache} from './weightCache';

/** Uses after which a tensor that a kernel made (a trained variable, say) counts as a weight. */
const USES_OF_A_WEIGHT = 3;

/**
 * tfjs's wasm backend with packed weights. Tensors, and every kernel that this package does not replace, are
 * `BackendWasm`'s own.
 */
export class BlockSparseBackend extends BackendWasm {
  declare dataIdMap: TensorStorage;
  readonly heap: TfjsHeap;
  readonly weightCache: WeightCache;
  readonly tapCache: TapCache;
  readonly runner: KernelRunner;
  /** True of the stand-in for which kernels of ours note what they would run (regions/recordCalls.ts). */
  readonly records: boolean = false;
  /** What programs work on, one after the other. */
  readonly workspace: HeapBlock;
  /** How many there are. */
  programs = 0;
  /** Hears of every tensor whose values are read. */
  onRead: ((dataId: object) => void) | null = null;
  private readonly onRelease = new WeakMap<object, Set<() => void>>();
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
    this.dataIdMap = new TensorStorage(this, heap, wasm.tfjs);
    this.heap = heap;
    this.runner = new KernelRunner(heap, kernels, variant, threads.pool);
    this.workspace = new HeapBlock(heap);
    this.weightCache = new WeightCache(this, variant);
    this.tapCache = new TapCache(this, kernels);
  }

  /** Why this variant and this number of threads. */
  get reasons(): string[] {
    return [this.variantReason, ...this.threads.reasons];
  }

  /**
   * Whether a tensor deserves to be packed: it was uploaded, or has been used as a filter before. Kernel outputs that
   * are used once or twice (attention, a training step's variables) are not worth it. Recording is no use.
   */
  isWeight(dataId: object): boolean {
    this.dataIdMap.peek(dataId); // a tensor of another backend is uploaded now
    if (this.uploaded.has(dataId)) return true;
    const uses = (this.uses.get(dataId) ?? 0) + (this.records ? 0 : 1);
    this.uses.set(dataId, uses);
    return uses >= USES_OF_A_WEIGHT;
  }

  /** Says that data is used by many inferences only because a program holds it: a filter of one is what it stays. */
  isNoWeight(dataId: object): void {
    this.uses.set(dataId, -Infinity);
  }

  /**
   * Frees a float32 tensor's data, which `unpack` writes to a new address once somebody asks for it. What a kernel made
   * stays: a variable in training is read in every step.
   */
  dropData(dataId: object, unpack: (address: number) => void): void {
    if (this.uploaded.has(dataId)) this.dataIdMap.drop(dataId, unpack);
  }

  /** A float32 tensor that is held as packed blocks alone until somebody asks for its data. */
  addPacked(weight: PackedWeight): TensorInfo {
    const {dataIdMap} = this;
    const shape = [...weight.shape];
    const dataId = this.write(new Float32Array(), [0], 'float32');
    dataIdMap.peek(dataId).shape = shape;
    dataIdMap.drop(dataId, (to) => this.heap.f32.set(weight.values(), to / 4));
    this.weightCache.addPacked(dataId, weight);
    return {dataId, shape, dtype: 'float32'};
  }

  /** Calls back when a tensor's data is released, or moves to another backend; returns what takes that back. */
  whenReleased(dataId: object, callback: () => void): () => void {
    const callbacks = this.onRelease.get(dataId) ?? new Set();
    this.onRelease.set(dataId, callbacks.add(callback));
    return () => void callbacks.delete(callback);
  }

  /** A tensor on memory that is not its own. */
  makeView(shape: number[], dtype: DataType, address: number): TensorInfo {
    return this.makeOutput(shape, dtype, address);
  }

  /** Forgets a tensor, with what was made of it, and leaves its memory as it is. */
  forgetView(dataId: object): void {
    this.weightCache.release(dataId);
    this.tapCache.release(dataId);
    this.wasm.tfjs.disposeData(this.dataIdMap.peek(dataId).id);
    this.dataIdMap.delete(dataId);
  }

  override readSync(dataId: object, start?: number, end?: number): backend_util.BackendValues {
    this.onRead?.(dataId);
    return super.readSync(dataId, start, end);
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

  // The next three leave data alone that was dropped: a graph model reshapes weights in every inference.

  override refCount(dataId: object): number {
    return this.dataIdMap.has(dataId) ? this.dataIdMap.peek(dataId).refCount : 0;
  }

  override incRef(dataId: object): void {
    this.dataIdMap.peek(dataId).refCount++;
  }

  override disposeData(dataId: object, force = false): boolean {
    const {dataIdMap, onRelease} = this;
    const callbacks = onRelease.get(dataId);
    if (callbacks && (force || this.refCount(dataId) <= 1)) {
      onRelease.delete(dataId);
      for (const callback of callbacks) callback();
    }
    dataIdMap.restores = false;
    try {
      if (!super.disposeData(dataId, force)) return false;
    } finally {
      dataIdMap.restores = true;
    }
    dataIdMap.forget(dataId);
    this.weightCache.release(dataId);
    this.tapCache.release(dataId);
    return true;
  }

  override typedArrayFromHeap(info: TensorInfo): backend_util.TypedArray {
    this.dataIdMap.get(info.dataId); // may allocate, which kills the buffer that tfjs takes before it asks
    return super.typedArrayFromHeap(info);
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
    this.workspace.free();
    this.threads.dispose();
    super.dispose();
  }
}
