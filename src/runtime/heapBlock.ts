import type {TfjsHeap} from './heap';

/** One allocation that grows to the largest need. */
export class HeapBlock {
  /** 0 while nothing is held. */
  address = 0;
  /** Bytes held. */
  bytes = 0;

  constructor(private readonly heap: TfjsHeap) {}

  /**
   * Makes room; what was there before is lost where it has to move.
   *
   * @returns whether it moved
   * @throws Error if the heap is exhausted; nothing is held then.
   */
  reserve(bytes: number): boolean {
    if (bytes <= this.bytes) return false;
    this.free();
    this.address = this.heap.allocate(bytes);
    this.bytes = bytes;
    return true;
  }

  free(): void {
    if (this.address) this.heap.free(this.address);
    this.abandon();
  }

  /** Leaves the memory to whoever may still write to it: it is never freed. */
  abandon(): void {
    this.address = 0;
    this.bytes = 0;
  }
}
