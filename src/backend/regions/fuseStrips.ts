import {Task} from '../../../kernels/convTask';
import {Header, Job, RECORD_BYTES, STAGE_BYTES, StripsTask} from '../../../kernels/task';
import {cutStrips, findChains, lineBytes, type Relocations, type Stage} from '../../plan';
import {type RecordedTask, Segment} from '../../runtime';
import type {ProgramBuffer, RecordedProgram, Step} from './recordCalls';

/**
 * Turns convolutions that run one after the other, with large tensors between them, into chains (kernels/strips.ts).
 *
 * @param threads that the chains are cut for
 */
export function fuseStrips(program: RecordedProgram, threads: number): RecordedProgram {
  const fusion = new Fusion(program);
  const steps = program.steps.map((step) => (step.kind === 'region' ? fusion.fuse(step, threads) : step));
  return fusion.result(steps);
}

/** A program in which chains take the place of their stages. */
class Fusion {
  private readonly tasks: RecordedTask[] = [];
  private readonly buffers: ProgramBuffer[];
  private readonly image: number[];
  private readonly added: {readonly word: number; readonly segment: number; readonly offset: number}[] = [];
  private scratchBytes: number;
  /** Which buffer a word is the address in, if any. */
  private readonly bufferAt = new Map<number, number>();

  constructor(private readonly program: RecordedProgram) {
    const {relocations, buffers, image, scratchBytes} = program;
    this.buffers = [...buffers];
    this.image = [...image];
    this.scratchBytes = scratchBytes;
    relocations.words.forEach((word, i) => {
      const buffer = relocations.segments[i] - Segment.firstBuffer;
      if (buffer >= 0) this.bufferAt.set(word, buffer);
    });
  }

  fuse(step: Step & {kind: 'region'}, threads: number): Step {
    const tasks = this.program.tasks.slice(step.begin, step.end);
    const stages = tasks.map((task, i) => this.stageOf(task, tasks[i + 1]));
    const begin = this.tasks.length;
    let from = 0;
    for (const [first, end] of findChains(stages)) {
      this.tasks.push(...tasks.slice(from, first));
      this.tasks.push(this.chain(tasks.slice(first, end), stages.slice(first, end) as Stage[], threads));
      from = end;
    }
    this.tasks.push(...tasks.slice(from));
    return {...step, begin, end: this.tasks.length};
  }

  result(steps: readonly Step[]): RecordedProgram {
    const {relocations} = this.program;
    const joined: Relocations = {
      words: Int32Array.of(...relocations.words, ...this.added.map(({word}) => word)),
      segments: Int32Array.of(...relocations.segments, ...this.added.map(({segment}) => segment)),
      offsets: Int32Array.of(...relocations.offsets, ...this.added.map(({offset}) => offset)),
    };
    const {tasks, buffers, scratchBytes} = this;
    return {
      ...this.program,
      tasks,
      buffers,
      steps,
      scratchBytes,
      image: Int32Array.from(this.image),
      relocations: joined,
    };
  }

  /** What a task is as a stage; null if it cannot be one. */
  private stageOf(task: RecordedTask, next: RecordedTask | undefined): Stage | null {
    const {image} = this.program;
    const word = (name: Task) => image[task.at + name];
    const depthwise = task.job === Job.depthwiseConv2d;
    if (!depthwise && task.job !== Job.conv2d) return null;
    if (depthwise && !word(Task.direct)) return null; // its channels may be cut in groups
    const rest = depthwise || word(Task.tile) < 32 ? 0 : (word(Task.pixels) - word(Task.lastPixels)) % 32;
    if (rest > 0 && rest <= 16) return null; // takes a half panel, which sums in another order
    const output = this.bufferAt.get(task.at + Task.output);
    if (output === undefined || this.bufferAt.get(task.at + Task.input) === undefined) return null;
    const {origin, last, first} = this.buffers[output];
    const handsOn =
      next !== undefined &&
      origin === 'arena' &&
      last === first + 1 &&
      this.bufferAt.get(next.at + Task.input) === output;
    const outHeight = word(Task.outHeight);
    const outWidth = word(Task.outWidth);
    return {
      depthwise,
      batch: word(Task.pixels) / (outHeight * outWidth),
      inHeight: word(Task.inHeight),
      inWidth: word(Task.inWidth),
      inChannels: word(Task.inChannels),
      outHeight,
      outWidth,
      outChannels: word(Task.outChannels),
      reach: (word(Task.kernelHeight) - 1) * word(Task.dilationHeight) + 1,
      stride: word(Task.strideHeight),
      handsOn,
      scratchBytes: word(Task.scratchBytes as number),
    };
  }

  /** Writes a chain's record. */
  private chain(tasks: readonly RecordedTask[], stages: readonly Stage[], threads: number): RecordedTask {
    const {image} = this;
    const cut = cutStrips(stages, threads);
    const at = image.length;
    const last = stages.length - 1;
    let held = STAGE_BYTES * stages.length;
    const table = tasks.flatMap(({job}, i) => {
      const entry = [job, 0, i < last ? held : 0];
      if (i < last) held += cut.heldRows[i] * lineBytes(stages[i]) + 64;
      return entry;
    });
    const workingAt = Math.ceil(held / 64) * 64;
    const scratch = workingAt + Math.max(...stages.map(({scratchBytes}) => scratchBytes));
    const units = stages[last].batch * cut.bands;
    const words = [units, 1, 0, scratch, stages.length, cut.bands, cut.bandRows, cut.stripRows, workingAt, ...table];
    image.push(...words, ...new Array<number>(RECORD_BYTES / 4 - words.length).fill(0));
    this.added.push({word: at + Header.scratch, segment: Segment.scratch, offset: 0});
    tasks.forEach((task, i) => {
      this.added.push({word: at + StripsTask.table + 3 * i + 1, segment: Segment.program, offset: 4 * task.at});
    });
    this.scratchBytes = Math.max(this.scratchBytes, scratch);
    this.extendLives(tasks);
    const label = tasks.map((task) => task.label).join(' > ');
    return {job: Job.strips, at, units, workMs: tasks.reduce((sum, {workMs}) => sum + workMs, 0), label};
  }

  /** All stages run at a time: what one of them reads or writes is needed as long as the whole chain runs. */
  private extendLives(tasks: readonly RecordedTask[]): void {
    const used = (task: RecordedTask, word: Task) => this.bufferAt.get(task.at + word)!;
    const outputs = tasks.map((task) => used(task, Task.output));
    const inner = outputs.slice(0, -1);
    const positions = [used(tasks[0], Task.input), ...outputs].map((buffer) => this.buffers[buffer]);
    const first = positions[1].first;
    const last = positions[positions.length - 1].first;
    for (const buffer of inner) this.buffers[buffer] = {...this.buffers[buffer], bytes: 0};
    for (const buffer of [used(tasks[0], Task.input), outputs[outputs.length - 1]]) {
      const {first: from, last: to} = this.buffers[buffer];
      this.buffers[buffer] = {...this.buffers[buffer], first: Math.min(from, first), last: Math.max(to, last)};
    }
  }
}
