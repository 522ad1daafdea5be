/** What we use of tfjs's Emscripten module. Undocumented, therefore checked by `TfjsHeap.of`. */
export interface EmscriptenHeap {
  _malloc(bytes: number): number;
  _free(address: number): void;
  /** The whole heap, another array whenever it has grown. */
  HEAPU8: Uint8Array;
  /** The SIMD build exports its memory here. */
  asm?: {memory?: WebAssembly.Memory};
  /** The threaded build imports a shared memory and keeps it here. */
  wasmMemory?: WebAssembly.Memory;
}

/** Alignment of every allocation: a cache line, so that no vector straddles two. */
const ALIGNMENT = 64;

/**
 * The heap that tfjs's tensors live in, shared with our kernels. Take its views anew after whatever can allocate, tfjs's
 * own calls included: the memory may have grown, which detaches them.
 */
export class TfjsHeap {
  /** Address that malloc gave, by the aligned address that we handed out. */
  private readonly blocks = new Map<number, number>();
  /** What the views below were made beside: as long as it is the module's, they are valid. To compare buffers takes longer. */
  private bytes: Uint8Array | null = null;
  private floats = new Float32Array(0);
  private integers = new Int32Array(0);

  private constructor(
    private readonly module: EmscriptenHeap,
    readonly memory: WebAssembly.Memory,
  ) {}

  /**
   * @param module tfjs's WebAssembly module (`backend.wasm`).
   * @throws Error naming what is missing if tfjs's internals are not those of 4.22.
   */
  static of(module: EmscriptenHeap): TfjsHeap {
    const memory = module.wasmMemory ?? module.asm?.memory;
    const missing = [
      memory instanceof WebAssembly.Memory ? '' : 'its WebAssembly memory',
      typeof module._malloc === 'function' ? '' : '_malloc',
      typeof module._free === 'function' ? '' : '_free',
      module.HEAPU8 instanceof Uint8Array ? '' : 'HEAPU8',
    ].filter(Boolean);
    if (!memory || missing.length) {
      throw new Error(
        `blocksparse-1xn: @tensorflow/tfjs-backend-wasm does not expose ${missing.join(', ')}. ` +
          'This package works with 4.22: npm install @tensorflow/tfjs-backend-wasm@4.22.0',
      );
    }
    return new TfjsHeap(module, memory);
  }

  /**
   * Allocates bytes at a cache line's start. May grow the memory: views made before are dead.
   *
   * @throws Error if the heap is exhausted.
   */
  allocate(bytes: number): number {
    const block = this.allocateTensor(bytes, ALIGNMENT);
    const address = Math.ceil(block / ALIGNMENT) * ALIGNMENT;
    this.blocks.set(address, block);
    return address;
  }

  /** Frees what `allocate` gave. */
  free(address: number): void {
    const block = this.blocks.get(address);
    if (block === undefined) throw new Error(`blocksparse-1xn: ${address} was not allocated here`);
    this.blocks.delete(address);
    this.module._free(block);
  }

  /**
   * Calls `use` with the address of a copy of values, which is freed after that.
   *
   * @throws Error if the heap is exhausted.
   */
  withFloats<T>(values: Float32Array, use: (address: number) => T): T {
    const address = this.allocate(values.byteLength);
    try {
      this.f32.set(values, address / 4);
      return use(address);
    } finally {
      this.free(address);
    }
  }

  /**
   * Allocates as tfjs does for its tensors, which it frees itself.
   *
   * @param spare bytes beyond them
   * @throws Error if the heap is exhausted.
   */
  allocateTensor(bytes: number, spare = 0): number {
    const address = this.module._malloc(bytes + spare) >>> 0;
    if (address === 0)
      throw new Error(`blocksparse-1xn: out of WebAssembly memory, ${bytes} more bytes were asked for`);
    return address;
  }

  /** Frees a tensor of tfjs's. */
  freeTensor(address: number): void {
    this.module._free(address);
  }

  /** The whole heap as floats, index = address / 4. Do not keep: the next allocation may detach it. */
  get f32(): Float32Array {
    if (this.bytes !== this.module.HEAPU8) this.renewViews();
    return this.floats;
  }

  /** The whole heap as integers, index = address / 4. Do not keep: the next allocation may detach it. */
  get i32(): Int32Array {
    if (this.bytes !== this.module.HEAPU8) this.renewViews();
    return this.integers;
  }

  private renewViews(): void {
    this.bytes = this.module.HEAPU8;
    this.floats = new Float32Array(this.memory.buffer);
    this.integers = new Int32Array(this.memory.buffer);
  }
}
