import type {KernelModule, TfjsHeap} from '../runtime';

/** A depthwise filter and its bias as the cache sees them. */
export interface TapSource {
  readonly filter: object;
  readonly bias: object | null;
  /** Address of the weights [count, channels]. */
  readonly weights: number;
  /** Address of the bias; 0 for none. */
  readonly biasAddress: number;
  readonly count: number;
  readonly channels: number;
}

interface Taps {
  readonly address: number;
  readonly bytes: number;
  readonly channels: number;
  bias: object | null;
}

/**
 * Depthwise filters as our kernels read them, gathered by vectors of 4 channels, by data id. Like the packed weights of
 * convolutions (weightCache.ts) they are right as long as the ids of filter and bias live.
 */
export class TapCache {
  private readonly entries = new Map<object, Taps>();
  private held = 0;

  constructor(
    private readonly heap: TfjsHeap,
    private readonly kernels: KernelModule,
  ) {}

  /** Bytes that gathered filters hold in the heap. */
  get bytes(): number {
    return this.held;
  }

  /**
   * The address of a filter's taps, gathered on first use.
   *
   * @throws Error if the heap is exhausted; nothing is kept then.
   */
  resolve(source: TapSource): number {
    const {filter, bias, count, channels} = source;
    let taps = this.entries.get(filter);
    const bytes = 4 * (count + 1) * Math.ceil(channels / 4) * 4;
    if (taps?.channels === channels && taps.bias === bias) return taps.address;
    if (taps?.channels !== channels) {
      this.release(filter);
      taps = {address: this.heap.allocate(bytes), bytes, channels, bias};
      this.entries.set(filter, taps);
      this.held += bytes;
    }
    taps.bias = bias;
    this.kernels.packTaps(source.weights, source.biasAddress, count, channels, taps.address);
    return taps.address;
  }

  /** Frees what is held for a tensor's data. */
  release(dataId: object): void {
    const taps = this.entries.get(dataId);
    if (!taps) return;
    this.entries.delete(dataId);
    this.held -= taps.bytes;
    this.heap.free(taps.address);
  }

  dispose(): void {
    for (const dataId of [...this.entries.keys()]) this.release(dataId);
  }
}
