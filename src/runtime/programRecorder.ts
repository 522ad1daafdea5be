import {Header, type Job, RECORD_BYTES} from '../../kernels/task';
import type {KernelVariant} from './features';
import type {TfjsHeap} from './heap';
import {TaskBuilder, unitsOf} from './taskBuilder';
import {roundUp, SCRATCH_ALIGNMENT, TaskWriter} from './taskWriter';

/** A task that cannot be part of a program: what it needs is not there before the program runs. */
export class NotRecorded extends Error {}

/** What addresses in a recorded program stand for; buffers are numbered from `firstBuffer` on. */
export enum Segment {
  /** The records and the data beside them. */
  program,
  scratch,
  zeros,
  firstBuffer,
}

/** A task of a recorded program. */
export interface RecordedTask {
  readonly job: Job;
  /** Where its record begins, in words of the image. */
  readonly at: number;
  readonly units: number;
  /** What it is expected to take one core of a reference machine; 0 where that is not known well. */
  readonly workMs: number;
  /** What it computes, for people. */
  readonly label: string;
}

/** No heap reaches so far: addresses from here on stand for segments. */
const SYMBOLIC = 0xf0000000;

/**
 * The address that stands for a segment's start. Two recordings of one program differ in these alone, each segment's in its
 * own way: `findRelocations` (src/plan) tells by that which words are addresses of what.
 */
export function symbolicAddress(segment: number, recording: 0 | 1): number {
  return SYMBOLIC + recording * 64 * (segment + 1);
}

/** Keeps the records of tasks for a program, where `KernelRunner` runs them. */
export class ProgramRecorder extends TaskBuilder {
  readonly recorded: RecordedTask[] = [];
  /** That of the tasks to come. */
  label = '';
  protected override readonly tasks: RecordedTasks;
  private mostZeros = 0;

  /** @param recording of the two that make a program */
  constructor(
    heap: TfjsHeap,
    variant: KernelVariant,
    override readonly threads: number,
    private readonly recording: 0 | 1,
  ) {
    super(variant);
    this.tasks = new RecordedTasks(heap, recording);
  }

  /** Records and data beside them, as words. */
  get image(): Int32Array {
    return this.tasks.i32.subarray(0, this.tasks.end);
  }

  /** Bytes of working memory that each thread needs. */
  get scratchBytes(): number {
    return this.tasks.mostScratch;
  }

  /** Bytes of zeros that are read. */
  get zeroBytes(): number {
    return this.mostZeros;
  }

  /** Forgets all but the first tasks. */
  keep(count: number): void {
    if (count === this.recorded.length) return;
    this.tasks.rewind(this.recorded[count].at);
    this.recorded.length = count;
  }

  protected override zeros(bytes: number): number {
    this.mostZeros = Math.max(this.mostZeros, bytes);
    return symbolicAddress(Segment.zeros, this.recording);
  }

  protected override submit(job: Job, items: number, unitItems: number, workMs: number): void {
    const [unit, units] = unitsOf(items, unitItems);
    this.tasks.setItems(items, unit);
    this.recorded.push({job, at: this.tasks.at, units, workMs, label: this.label});
  }
}

/** Records one behind the other in memory that grows. */
class RecordedTasks extends TaskWriter {
  override at = 0;
  /** Words written. */
  end = 0;
  mostScratch = 0;
  private words = new Int32Array(1 << 14);

  constructor(
    private readonly heap: TfjsHeap,
    private readonly recording: 0 | 1,
  ) {
    super();
  }

  override get i32(): Int32Array {
    return this.words;
  }

  override get f32(): Float32Array {
    return new Float32Array(this.words.buffer);
  }

  override get record(): number {
    return symbolicAddress(Segment.program, this.recording) + 4 * this.at;
  }

  override reserve(sharedBytes: number, scratchBytes: number): void {
    const each = roundUp(scratchBytes, SCRATCH_ALIGNMENT);
    this.mostScratch = Math.max(this.mostScratch, each);
    this.at = this.end;
    this.end += (RECORD_BYTES + roundUp(sharedBytes, SCRATCH_ALIGNMENT)) / 4;
    if (this.end > this.words.length) {
      const larger = new Int32Array(2 * this.end);
      larger.set(this.words);
      this.words = larger;
    }
    this.words[this.at + Header.scratch] = symbolicAddress(Segment.scratch, this.recording);
    this.words[this.at + Header.scratchBytes] = each;
  }

  rewind(end: number): void {
    this.words.fill(0, end, this.end);
    this.end = end;
  }

  /** @throws NotRecorded if the floats are there only when the program runs. */
  override setShared(source: number, floats: number, _bytes: number): void {
    if (source >= SYMBOLIC) throw new NotRecorded();
    const to = (this.shared - symbolicAddress(Segment.program, this.recording)) / 4;
    if (source) this.f32.set(this.heap.f32.subarray(source / 4, source / 4 + floats), to);
  }
}
