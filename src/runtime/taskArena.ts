import {Header, RECORD_BYTES} from '../../kernels/task';
import type {TfjsHeap} from './heap';
import {HeapBlock} from './heapBlock';
import {roundUp, SCRATCH_ALIGNMENT, TaskWriter} from './taskWriter';

/**
 * The task record of one call, data that all threads read, and each thread's working memory. Grows to the largest call;
 * `free` gives it back.
 */
export class TaskArena extends TaskWriter {
  private readonly block: HeapBlock;

  /** @param slots gives the number of threads that need working memory of their own */
  constructor(
    private readonly heap: TfjsHeap,
    private readonly slots: () => number,
  ) {
    super();
    this.block = new HeapBlock(heap);
  }

  override get i32(): Int32Array {
    return this.heap.i32;
  }

  override get f32(): Float32Array {
    return this.heap.f32;
  }

  override get at(): number {
    return this.record / 4;
  }

  override get record(): number {
    return this.block.address;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.block.bytes;
  }

  override reserve(sharedBytes: number, scratchBytes: number): void {
    const common = RECORD_BYTES + roundUp(sharedBytes, SCRATCH_ALIGNMENT);
    const each = roundUp(scratchBytes, SCRATCH_ALIGNMENT);
    this.block.reserve(common + each * this.slots());
    const {i32, at} = this;
    i32[at + Header.scratch] = this.record + common;
    i32[at + Header.scratchBytes] = each;
  }

  override setShared(source: number, floats: number, bytes: number): void {
    const {f32} = this;
    const to = this.shared / 4;
    if (source) f32.copyWithin(to, source / 4, source / 4 + floats);
    f32.fill(0, source ? to + floats : to, to + bytes / 4);
  }

  free(): void {
    this.block.free();
  }

  /** Leaves the memory to whoever may still write to it: it is never freed. */
  abandon(): void {
    this.block.abandon();
  }
}
