import type {KernelModule, TfjsHeap} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';

/** A depthwise filter [count, channels] and its bias, by data id, as the cache sees them. */
export interface TapSource {
  readonly filter: object;
  readonly bias: object | null;
  readonly count: number;
  readonly channels: number;
}

interface Taps {
  readonly address: number;
  readonly bytes: number;
  readonly count: number;
  bias: object | null;
  /** A program knows the address: they stay as they are. */
  fixed: boolean;
}

/**
 * Depthwise filters as our kernels read them, gathered by vectors of 4 channels, by data id. Like the packed weights of
 * convolutions (weightCache.ts) they are right as long as the ids of filter and bias live.
 */
export class TapCache {
  /** By filter: at most one that is not fixed, which the next bias overwrites. */
  private readonly entries = new Map<object, Taps[]>();
  private held = 0;

  constructor(
    private readonly backend: BlockSparseBackend,
    private readonly kernels: KernelModule,
  ) {}

  /** Bytes that gathered filters hold in the heap. */
  get bytes(): number {
    return this.held;
  }

  /**
   * The address of a filter's taps, gathered on first use.
   *
   * @param fixed they are to stay there, with this bias, as long as the filter lives
   * @throws Error if the heap is exhausted; nothing is kept then.
   */
  resolve({filter, bias, count, channels}: TapSource, fixed: boolean): number {
    const {backend} = this;
    const {heap} = backend;
    const known = this.entries.get(filter) ?? [];
    const same = known.find((taps) => taps.count === count && taps.bias === bias);
    if (same) {
      same.fixed ||= fixed;
      return same.address;
    }
    // First: it may have to come from the taps that are given up.
    const weights = backend.getMemoryOffset(filter);
    const biasAddress = bias ? backend.getMemoryOffset(bias) : 0;
    let taps = known.find((other) => !other.fixed);
    if (taps?.count !== count) {
      if (taps) this.free(known.splice(known.indexOf(taps), 1));
      const bytes = 4 * (count + 1) * Math.ceil(channels / 4) * 4;
      taps = {address: heap.allocate(bytes), bytes, count, bias, fixed};
      this.entries.set(filter, known);
      known.push(taps);
      this.held += bytes;
    }
    taps.bias = bias;
    taps.fixed = fixed;
    const {address} = taps;
    this.kernels.packTaps(weights, biasAddress, count, channels, address);
    backend.dropData(filter, (to) => unpackTaps(heap, address, count, channels, to));
    return address;
  }

  /** Frees what is held for a tensor's data. */
  release(dataId: object): void {
    this.free(this.entries.get(dataId) ?? []);
    this.entries.delete(dataId);
  }

  dispose(): void {
    for (const dataId of [...this.entries.keys()]) this.release(dataId);
  }

  private free(entries: readonly Taps[]): void {
    for (const {address, bytes} of entries) {
      this.held -= bytes;
      this.backend.heap.free(address);
    }
  }
}

/** Undoes `packTaps`. */
function unpackTaps({i32}: TfjsHeap, taps: number, count: number, channels: number, to: number): void {
  const last = Math.max(channels, 4) - 4;
  const lanes = Math.min(channels, 4);
  for (let c = 0, from = taps / 4 + 4; ; c = Math.min(c + 4, last), from += 4) {
    for (let tap = 0; tap < count; tap++, from += 4) i32.copyWithin(to / 4 + tap * channels + c, from, from + lanes);
    if (c === last) return;
  }
}
