import {engine, getKernel, type Tensor, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Step as StepWord} from '../../../kernels/task';
import {type ArenaLayout, layOutArena} from '../../plan';
import {HeapBlock, PoolFailure, Segment} from '../../runtime';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {mapInputs} from './trace';
import type {RecordedCall, RecordedProgram, View} from './recordCalls';

/** An inference that cannot be a program, for a reason that lies in itself. */
export class NoProgram extends Error {}

/** Kernels may read whole vectors beyond the last buffer. */
const SPARE_BYTES = 256;

/** Where the words lie that hold addresses in one segment, and the address that they were last written for. */
interface Patch {
  readonly words: number[];
  readonly offsets: number[];
  address: number;
}

/**
 * A recorded program on the heap, ready to run. Its records lie in memory of its own, with the zeros behind them; its
 * arena and the threads' working memory in the backend's workspace, which all programs share, since no two run at a time.
 */
export class Program {
  private readonly block: HeapBlock;
  private readonly arena: ArenaLayout;
  private readonly scratchBytes: number;
  private readonly patches = new Map<number, Patch>();
  /** Where the workspace was when addresses in it were written. */
  private workspace = 0;

  /** @throws Error if the heap is exhausted; nothing is held then. */
  constructor(
    private readonly backend: BlockSparseBackend,
    private readonly recorded: RecordedProgram,
  ) {
    const {buffers, scratchBytes, relocations, image, tasks, zeroBytes} = recorded;
    this.arena = layOutArena(buffers.map((buffer) => (buffer.origin === 'arena' ? buffer : {...buffer, bytes: 0})));
    this.scratchBytes = scratchBytes * backend.runner.slots;
    relocations.words.forEach((word, i) => {
      const segment = relocations.segments[i];
      let patch = this.patches.get(segment);
      if (!patch) this.patches.set(segment, (patch = {words: [], offsets: [], address: 0}));
      patch.words.push(word);
      patch.offsets.push(relocations.offsets[i]);
    });
    this.block = new HeapBlock(backend.heap);
    this.block.reserve(4 * (image.length + StepWord.words * tasks.length) + zeroBytes);
    const {i32} = backend.heap;
    const at = this.block.address / 4;
    i32.set(image, at);
    i32.fill(0, this.zeros / 4, (this.zeros + zeroBytes) / 4);
    tasks.forEach((task, i) =>
      i32.set([task.job, 4 * (at + task.at), task.units], this.stepsAt / 4 + StepWord.words * i),
    );
    this.setAddress(Segment.program, this.block.address);
    this.setAddress(Segment.zeros, this.zeros);
    backend.programs++;
  }

  /** Bytes held beside the workspace. */
  get bytes(): number {
    return this.block.bytes;
  }

  /** Bytes of the workspace that its tensors take; they are used again and again. */
  get arenaBytes(): number {
    return this.arena.bytes;
  }

  /**
   * Computes the outputs, in new tensors.
   *
   * @param times gets the milliseconds of each task and call; they run one by one then
   *
   * @throws Error if the heap is exhausted, or a call gives a result of another shape than when it was recorded; nothing is
   *     left over then. PoolFailure if a worker died: the program must not run again.
   */
  run(inputs: readonly TensorInfo[], times?: number[]): Tensor[] {
    const {backend, recorded} = this;
    this.settle();
    /** Tensors of this run by buffer: inputs, results of calls, outputs, views of the arena. */
    const tensors = new Map<number, TensorInfo>(inputs.map((input, i) => [i, input]));
    const made = new Set<number>();
    const make = (buffer: number, info: TensorInfo) => {
      tensors.set(buffer, info);
      made.add(buffer);
    };
    // For one run: backends keep what they make of a tensor's values, of a filter's say, as long as the tensor lives.
    const views: TensorInfo[] = [];
    const outputs = new Set(recorded.outputs.map(({buffer}) => buffer));
    try {
      for (const {buffer, shape, dtype} of recorded.outputs) {
        if (recorded.buffers[buffer].origin === 'output' && !made.has(buffer))
          make(buffer, backend.makeOutput(shape, dtype));
      }
      for (const [buffer, {dataId}] of tensors) this.setTensor(buffer, dataId);
      for (const step of recorded.steps) {
        if (step.kind === 'call') {
          for (const buffer of step.call.views.values()) {
            if (tensors.has(buffer)) continue;
            const {shape, dtype} = recorded.buffers[buffer];
            const view = backend.makeView(shape, dtype, this.arenaAddress(buffer));
            tensors.set(buffer, view);
            views.push(view);
          }
          timed(times, () => this.call(step.call, tensors, make));
        } else if (times) {
          for (let task = step.begin; task < step.end; task++) timed(times, () => this.runTasks(task, task + 1));
        } else {
          this.runTasks(step.begin, step.end);
        }
        for (const buffer of made) {
          const {origin, last} = recorded.buffers[buffer];
          if (origin !== 'call' || last > step.position || outputs.has(buffer)) continue;
          made.delete(buffer);
          backend.disposeData(tensors.get(buffer)!.dataId);
        }
      }
      const results = new Map<View, Tensor>();
      for (const output of new Set(recorded.outputs)) {
        const {buffer, shape, dtype} = output;
        const {dataId} = tensors.get(buffer)!;
        if ([...results.keys()].some((other) => other.buffer === buffer)) backend.incRef(dataId);
        results.set(output, engine().makeTensorFromTensorInfo({dataId, shape, dtype}));
      }
      return recorded.outputs.map((output) => results.get(output)!);
    } catch (error) {
      const lost = error instanceof PoolFailure;
      // A worker that is slow rather than dead may still write to all of this.
      if (lost) this.abandon();
      for (const buffer of made) {
        const {dataId} = tensors.get(buffer)!;
        if (lost) backend.abandonData(dataId);
        else backend.disposeData(dataId);
      }
      throw error;
    } finally {
      for (const {dataId} of views) backend.forgetView(dataId);
    }
  }

  dispose(): void {
    const {backend} = this;
    if (!backend.wasm) return; // its heap is gone
    this.block.free();
    if (--backend.programs === 0) backend.workspace.free();
  }

  private runTasks(begin: number, end: number): void {
    this.backend.runner.runSteps(this.stepsAt + 4 * StepWord.words * begin, end - begin);
  }

  private abandon(): void {
    this.block.abandon();
    this.backend.workspace.abandon();
  }

  /** Address of the first step, behind the records. */
  private get stepsAt(): number {
    return this.block.address + 4 * this.recorded.image.length;
  }

  private get zeros(): number {
    return this.stepsAt + 4 * StepWord.words * this.recorded.tasks.length;
  }

  /** Makes sure that the workspace is large enough, and that the program knows where it is. */
  private settle(): void {
    const {workspace} = this.backend;
    workspace.reserve(this.scratchBytes + this.arena.bytes + SPARE_BYTES);
    if (workspace.address === this.workspace) return;
    this.workspace = workspace.address;
    this.setAddress(Segment.scratch, this.workspace);
    this.recorded.buffers.forEach(({origin}, buffer) => {
      if (origin === 'arena') this.setBuffer(buffer, this.arenaAddress(buffer));
    });
  }

  private arenaAddress(buffer: number): number {
    return this.workspace + this.scratchBytes + this.arena.offsets[buffer];
  }

  /** A tensor's data is what the program works on: it must not be dropped while it does. */
  private setTensor(buffer: number, dataId: object): void {
    this.backend.dataIdMap.pin(dataId);
    this.setBuffer(buffer, this.backend.getMemoryOffset(dataId));
  }

  private setBuffer(buffer: number, address: number): void {
    this.setAddress(Segment.firstBuffer + buffer, address);
  }

  /** Writes a segment's address wherever the records have it. */
  private setAddress(segment: number, address: number): void {
    const patch = this.patches.get(segment);
    if (!patch || patch.address === address) return;
    patch.address = address;
    const {i32} = this.backend.heap;
    const at = this.block.address / 4;
    patch.words.forEach((word, i) => (i32[at + word] = address + patch.offsets[i]));
  }

  /** Makes a call; its results are new tensors. */
  private call(
    {kernelName, inputs, attrs, views, outputs}: RecordedCall,
    tensors: ReadonlyMap<number, TensorInfo>,
    make: (buffer: number, info: TensorInfo) => void,
  ): void {
    const {backend} = this;
    const tensorOf = (info: TensorInfo): TensorInfo => {
      const buffer = views.get(info.dataId);
      if (buffer === undefined) return info;
      const {dataId} = tensors.get(buffer)!;
      return {dataId, shape: info.shape, dtype: info.dtype};
    };
    const kernel = getKernel(kernelName, BACKEND);
    const result = kernel.kernelFunc({inputs: mapInputs(inputs, tensorOf), attrs, backend} as never);
    const infos = [result].flat();
    infos.forEach((info, i) => make(outputs[i].buffer, info));
    infos.forEach((info, i) => {
      const {buffer, shape, dtype} = outputs[i];
      if (info.dtype !== dtype || !util.arraysEqual(info.shape, shape)) {
        throw new NoProgram('a shape depends on the values of a tensor'); // what follows does not fit
      }
      this.setTensor(buffer, info.dataId);
    });
  }
}

function timed(times: number[] | undefined, run: () => void): void {
  const begin = performance.now();
  run();
  times?.push(performance.now() - begin);
}

const BACKEND = 'blocksparse-1xn';
