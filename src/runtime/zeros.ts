import type {TfjsHeap} from './heap';

/** Zeros in the heap that kernels read where an image has no pixels. Grows to the largest need; nobody writes to them. */
export class Zeros {
  private address = 0;
  private size = 0;

  constructor(private readonly heap: TfjsHeap) {}

  /** Bytes held. */
  get bytes(): number {
    return this.size;
  }

  /**
   * The address of so many bytes of zeros. It may move with the next, larger need.
   *
   * @throws Error if the heap is exhausted; nothing is held then.
   */
  of(bytes: number): number {
    if (bytes > this.size) {
      this.free();
      this.address = this.heap.allocate(bytes);
      this.size = bytes;
      this.heap.f32.fill(0, this.address / 4, (this.address + bytes) / 4);
    }
    return this.address;
  }

  free(): void {
    if (this.address) this.heap.free(this.address);
    this.address = 0;
    this.size = 0;
  }
}
