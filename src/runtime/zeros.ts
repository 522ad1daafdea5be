import type {TfjsHeap} from './heap';
import {HeapBlock} from './heapBlock';

/** Zeros in the heap that kernels read where an image has no pixels; nobody writes to them. */
export class Zeros {
  private readonly block: HeapBlock;

  constructor(private readonly heap: TfjsHeap) {
    this.block = new HeapBlock(heap);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.block.bytes;
  }

  /**
   * The address of so many bytes of zeros. It may move with the next, larger need.
   *
   * @throws Error if the heap is exhausted; nothing is held then.
   */
  of(bytes: number): number {
    const {block} = this;
    if (block.reserve(bytes)) this.heap.f32.fill(0, block.address / 4, (block.address + bytes) / 4);
    return block.address;
  }

  free(): void {
    this.block.free();
  }
}
