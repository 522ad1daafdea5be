import type {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {DataStorage, engine, util} from '@tensorflow/tfjs-core';
import type {TfjsHeap} from '../runtime';

type TensorData = ReturnType<BackendWasm['dataIdMap']['get']>;

/** Writes a tensor's data to an address. */
type Unpack = (address: number) => void;

/**
 * What the backend knows of its tensors. Data of which a packed form holds every bit can be dropped: then there is no
 * memory behind it until somebody asks for it. All of tfjs's kernels and readers come by `get` before they do.
 */
export class TensorStorage extends DataStorage<TensorData> {
  /** How to get back what was dropped; null once it is back: from then on it stays, so that it is dropped once at most. */
  private readonly dropped = new Map<object, Unpack | null>();
  /** False while a tensor is disposed of: what was dropped is not unpacked for that. */
  restores = true;
  /** Data whose address somebody keeps. */
  private readonly pinned = new WeakSet<object>();

  constructor(
    backend: BackendWasm,
    private readonly heap: TfjsHeap,
    private readonly tfjs: BackendWasm['wasm']['tfjs'],
  ) {
    super(backend, engine());
  }

  /** Bytes of tensors that are not held. */
  get droppedBytes(): number {
    let bytes = 0;
    for (const [dataId, unpack] of this.dropped) if (unpack) bytes += bytesOf(this.peek(dataId));
    return bytes;
  }

  /** @throws Error if the data was dropped and there is no memory for it; it may be asked for again. */
  override get(dataId: object): TensorData {
    const data = super.get(dataId);
    if (data.memoryOffset === 0 && this.restores) this.restore(dataId, data);
    return data;
  }

  /** As `get`, for those who do not need the data itself. */
  peek(dataId: object): TensorData {
    return super.get(dataId);
  }

  /** Frees a float32 tensor's data unless that was done before, or it is pinned. */
  drop(dataId: object, unpack: Unpack): void {
    if (this.dropped.has(dataId) || this.pinned.has(dataId)) return;
    const data = this.peek(dataId);
    this.tfjs.disposeData(data.id); // stock's kernels forget what they have made of it, too
    this.heap.freeTensor(data.memoryOffset);
    data.memoryOffset = 0;
    this.dropped.set(dataId, unpack);
  }

  /** Data that is held stays where it is as long as it lives. */
  pin(dataId: object): void {
    this.get(dataId);
    this.pinned.add(dataId);
  }

  /** Data that was disposed of is not unpacked any more. */
  forget(dataId: object): void {
    this.dropped.delete(dataId);
  }

  private restore(dataId: object, data: TensorData): void {
    const unpack = this.dropped.get(dataId);
    if (!unpack) return;
    const bytes = bytesOf(data);
    const address = this.heap.allocateTensor(bytes);
    unpack(address);
    this.tfjs.registerTensor(data.id, bytes / 4, address);
    data.memoryOffset = address;
    this.dropped.set(dataId, null);
  }
}

function bytesOf({shape}: TensorData): number {
  return 4 * util.sizeFromShape(shape);
}
