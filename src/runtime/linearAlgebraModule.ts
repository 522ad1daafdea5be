/** The WebAssembly of kernels/linearAlgebra.ts, on a memory of its own: in a worker, or in the thread that asks. */
import type {BlockRowJob, BlockRowResult} from '../pruning';

/** The exports of kernels/linearAlgebra.ts. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  workBytes(columns: number, pruned: number, filters: number, blocks: number): number;
  solveRow(
    matrix: number,
    columns: number,
    taps: number,
    pruned: number,
    count: number,
    weights: number,
    filters: number,
    blocks: number,
    work: number,
  ): number;
  invert(matrix: number, columns: number, work: number): number;
}

/** What can be asked for: block rows, of the last matrix where there is none with them, or an inverse. */
export interface AlgebraRequest {
  readonly matrix?: Float64Array;
  readonly columns: number;
  readonly taps: number;
  /** Without them the inverse of the matrix is asked for. */
  readonly jobs?: readonly BlockRowJob[];
}

/** What comes of it: `null` where the matrix is not positive definite. */
export interface AlgebraAnswer {
  readonly rows?: readonly BlockRowResult[] | null;
  readonly inverse?: Float64Array | null;
}

/** Where the matrix lies. */
const MATRIX = 64;
const PAGE = 65536;

/** Holds one matrix, and what one block row takes. */
export class LinearAlgebra {
  private readonly wasm: Exports;

  constructor(instance: WebAssembly.Instance) {
    this.wasm = instance.exports as unknown as Exports;
  }

  /** @throws Error if there is no memory for it */
  answer({matrix, columns, taps, jobs}: AlgebraRequest): AlgebraAnswer {
    if (matrix) {
      this.reserve(MATRIX + matrix.byteLength);
      new Float64Array(this.wasm.memory.buffer).set(matrix, MATRIX / 8);
    }
    if (!jobs) return {inverse: this.invert(columns)};
    const rows: BlockRowResult[] = [];
    for (const job of jobs) {
      const row = this.solveRow(columns, taps, job);
      if (!row) return {rows: null};
      rows.push(row);
    }
    return {rows};
  }

  private invert(size: number): Float64Array | null {
    const work = MATRIX + align(size * size * 8);
    this.reserve(work + this.wasm.workBytes(size, size, 0, 0));
    if (!this.wasm.invert(MATRIX, size, work)) return null;
    return new Float64Array(this.wasm.memory.buffer, MATRIX, size * size).slice();
  }

  private solveRow(columns: number, taps: number, {pruned, weights, wantsBlocks}: BlockRowJob): BlockRowResult | null {
    const {wasm} = this;
    const filters = weights.length / columns;
    const blockCount = wantsBlocks ? Math.floor(columns / taps) * taps * taps : 0;
    const list = MATRIX + align(columns * columns * 8);
    const to = list + align(pruned.byteLength);
    const blocks = to + align(weights.byteLength);
    const work = blocks + align(blockCount * 8);
    this.reserve(work + wasm.workBytes(columns, pruned.length, filters, Number(wantsBlocks)));
    const {buffer} = wasm.memory;
    new Int32Array(buffer, list, pruned.length).set(pruned);
    const solved = new Float64Array(buffer, to, weights.length);
    solved.set(weights);
    const inverseBlocks = new Float64Array(buffer, blocks, blockCount).fill(0);
    const at = wantsBlocks ? blocks : 0;
    if (!wasm.solveRow(MATRIX, columns, taps, list, pruned.length, to, filters, at, work)) return null;
    return {weights: solved.slice(), inverseBlocks: wantsBlocks ? inverseBlocks.slice() : null};
  }

  private reserve(bytes: number): void {
    const {memory} = this.wasm;
    const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return;
    try {
      memory.grow(missing);
    } catch {
      throw new Error(`no memory for the linear algebra of a layer: it takes ${Math.ceil(bytes / 2 ** 20)} MB`);
    }
  }
}

/** So many bytes, and some to the next cache line. */
function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
