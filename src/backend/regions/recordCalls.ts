// From a trace to a program: what our kernels would run is recorded, the rest stays calls of kernels.
import {type TensorInfo, util} from '@tensorflow/tfjs-core';
import {findRelocations, type Lifetime, type Relocations} from '../../plan';
import {NotRecorded, ProgramRecorder, type RecordedTask, Segment, symbolicAddress} from '../../runtime';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {recordableKernel} from '../stockKernel';
import {infosOf, type KernelInputs, mapInputs, type Trace, type TracedCall} from './trace';

/** A tensor that the program reads or writes: a view of a buffer. */
export interface View {
  readonly buffer: number;
  readonly shape: number[];
  readonly dtype: TensorInfo['dtype'];
}

/** A call that is made while the program runs; each input is a view of a buffer or a constant. */
export interface RecordedCall {
  readonly kernelName: string;
  readonly inputs: KernelInputs;
  readonly attrs: object;
  /** Views of the data ids among `inputs`. */
  readonly views: ReadonlyMap<object, number>;
  readonly outputs: readonly View[];
}

/** Tasks that run as one, or a call between them. Positions count tasks and calls. */
export type Step = {
  /** The last position that belongs to it. */
  readonly position: number;
} & (
  | {readonly kind: 'region'; readonly begin: number; readonly end: number}
  | {readonly kind: 'call'; readonly call: RecordedCall}
);

/** Where a buffer's memory comes from: the program's arena, the caller, a new output tensor, or a call's result. */
export type BufferOrigin = 'arena' | 'input' | 'output' | 'call';

export interface ProgramBuffer extends Lifetime {
  readonly origin: BufferOrigin;
  readonly shape: number[];
  readonly dtype: TensorInfo['dtype'];
}

/** A program as it was recorded, for any addresses. Plain data but for the constants among a call's inputs. */
export interface RecordedProgram {
  readonly tasks: readonly RecordedTask[];
  /** The records, with addresses as `relocations` says. */
  readonly image: Int32Array;
  readonly relocations: Relocations;
  readonly steps: readonly Step[];
  /** Inputs first, in their order. */
  readonly buffers: readonly ProgramBuffer[];
  /** One and the same where a tensor is asked for twice. */
  readonly outputs: readonly View[];
  readonly scratchBytes: number;
  readonly zeroBytes: number;
  /** Calls that its tasks stand for. */
  readonly kernels: number;
}

/** Inputs that kernels of ours pack or copy when they are recorded: they must be constants. */
const WEIGHTS = ['filter', 'bias', 'preluActivationWeights'];
/** The same for products of two matrices. */
const PRODUCTS = new Set(['BatchMatMul', '_FusedMatMul']);

/** @throws Error if the heap is exhausted. */
export function recordCalls(backend: BlockSparseBackend, trace: Trace): RecordedProgram {
  const first = record(backend, trace, 0);
  const second = record(backend, trace, 1);
  const {recorder, made, positions} = first;
  const segments = Segment.firstBuffer + made.length;
  const relocations = findRelocations(recorder.image, second.recorder.image, symbolicAddress, segments);

  const viewOf = ({dataId, shape, dtype}: TensorInfo): View => ({buffer: first.buffers.get(dataId)!, shape, dtype});
  const results = new Map(trace.outputs.map((output) => [output, viewOf(output)]));
  const steps: Step[] = [];
  const spans = made.map(() => ({first: Infinity, last: -Infinity}));
  const use = (buffer: number, position: number) => {
    const span = spans[buffer];
    span.first = Math.min(span.first, position);
    span.last = Math.max(span.last, position);
  };
  const origins: BufferOrigin[] = made.map(() => 'arena');
  trace.outputs.forEach((output) => (origins[viewOf(output).buffer] = 'output'));
  trace.inputs.forEach((_, i) => (origins[i] = 'input'));

  for (let position = 0, task = 0; position < positions.length; position++) {
    const call = positions[position];
    if (call === null) {
      const last = steps[steps.length - 1];
      const before = last?.kind === 'region' ? last : null;
      if (before) steps.pop();
      const begin = before?.begin ?? task;
      steps.push({kind: 'region', position, begin, end: task + 1});
      task++;
      continue;
    }
    const inputs = infosOf(call.inputs).filter(({dataId}) => first.buffers.has(dataId));
    const outputs = call.outputs.map(viewOf);
    for (const {buffer} of outputs) origins[buffer] = 'call';
    for (const {buffer} of [...inputs.map(viewOf), ...outputs]) use(buffer, position);
    const views = new Map(inputs.map((info) => [info.dataId, viewOf(info).buffer]));
    const {kernelName, attrs} = call;
    steps.push({kind: 'call', position, call: {kernelName, inputs: call.inputs, attrs, views, outputs}});
  }

  // A buffer lives from the first task that knows its address to the last.
  const starts = recorder.recorded.map(({at}) => at);
  const taskPositions = positions.flatMap((call, position) => (call === null ? [position] : []));
  for (let i = 0, task = 0; i < relocations.words.length; i++) {
    while (task + 1 < starts.length && starts[task + 1] <= relocations.words[i]) task++;
    const buffer = relocations.segments[i] - Segment.firstBuffer;
    if (buffer >= 0) use(buffer, taskPositions[task]);
  }
  return {
    tasks: recorder.recorded,
    image: recorder.image,
    relocations,
    steps,
    buffers: made.map(({shape, dtype}, i) => {
      const bytes = util.sizeFromShape(shape) * util.bytesPerElement(dtype);
      return {shape, dtype, bytes, ...spans[i], origin: origins[i]};
    }),
    outputs: trace.outputs.map((output) => results.get(output)!),
    scratchBytes: recorder.scratchBytes,
    zeroBytes: recorder.zeroBytes,
    kernels: first.kernels,
  };
}

interface Recording {
  readonly recorder: ProgramRecorder;
  /** The tensors that buffers were made for. */
  readonly made: readonly Pick<TensorInfo, 'shape' | 'dtype'>[];
  /** By data id, that of the trace. */
  readonly buffers: ReadonlyMap<object, number>;
  /** For each position the call that is made there; null for the next task. */
  readonly positions: readonly (TracedCall | null)[];
  /** Calls that became tasks. */
  readonly kernels: number;
}

/** Records a trace with the addresses of one of the two recordings. */
function record(backend: BlockSparseBackend, trace: Trace, recording: 0 | 1): Recording {
  const recorder = new ProgramRecorder(backend.heap, backend.variant, backend.runner.threads, recording);
  const made: Pick<TensorInfo, 'shape' | 'dtype'>[] = [];
  const buffers = new Map<object, number>();
  const newBuffer = ({dataId, shape, dtype}: TensorInfo): TensorInfo => {
    buffers.set(dataId, made.length);
    made.push({shape, dtype});
    return {dataId, shape, dtype};
  };
  const find = (how: 'get' | 'peek') => (dataId: object) =>
    buffers.has(dataId) ? null : backend.dataIdMap[how](dataId);
  const overrides = {
    runner: recorder,
    records: true,
    dataIdMap: {get: find('get'), peek: find('peek')},
    getMemoryOffset(dataId: object) {
      const buffer = buffers.get(dataId);
      if (buffer !== undefined) return symbolicAddress(Segment.firstBuffer + buffer, recording);
      backend.dataIdMap.pin(dataId);
      return backend.getMemoryOffset(dataId);
    },
    makeOutput: (shape: number[], dtype: TensorInfo['dtype']) => newBuffer({dataId: {}, shape, dtype}),
    readSync() {
      throw new NotRecorded();
    },
    // Nothing is held.
    disposeData: () => true,
    incRef: () => undefined,
  };
  const recordingBackend = Object.assign(Object.create(backend) as BlockSparseBackend, overrides);
  trace.inputs.forEach(newBuffer);

  const positions: (TracedCall | null)[] = [];
  let kernels = 0;
  for (const call of trace.calls) {
    // Reshapes and the like: their output is another view of their input's data.
    if (call.outputs.every(({dataId}) => buffers.has(dataId))) continue;
    const before = {tasks: recorder.recorded.length, buffers: made.length};
    recorder.label = `${call.kernelName} ${call.outputs.map(({shape}) => shape.join('x')).join()}`;
    const outputs = recordCall(recordingBackend, call, buffers);
    if (outputs) {
      kernels++;
      outputs.forEach(({dataId}, i) => buffers.set(call.outputs[i].dataId, buffers.get(dataId)!));
      for (let i = before.tasks; i < recorder.recorded.length; i++) positions.push(null);
    } else {
      recorder.keep(before.tasks); // what was begun and could not be ended
      made.length = before.buffers;
      call.outputs.forEach(newBuffer);
      positions.push(call);
    }
  }
  return {recorder, made, buffers, positions, kernels};
}

/** The outputs, on buffers of the recording; null if the call cannot be recorded. */
function recordCall(
  backend: BlockSparseBackend,
  {kernelName, inputs, attrs, outputs}: TracedCall,
  buffers: ReadonlyMap<object, number>,
): TensorInfo[] | null {
  const kernel = recordableKernel(kernelName);
  const named = inputs as Readonly<Record<string, TensorInfo | undefined>>;
  const weights = PRODUCTS.has(kernelName) ? [...WEIGHTS, 'b'] : WEIGHTS;
  if (!kernel || weights.some((name) => named[name] && buffers.has(named[name].dataId))) return null;
  try {
    const made = kernel(
      backend,
      mapInputs(inputs, (info) => info),
      attrs,
    );
    if (!made) return null;
    const list = [made].flat();
    const alike = list.every(
      ({shape, dtype}, i) => dtype === outputs[i].dtype && util.arraysEqual(shape, outputs[i].shape),
    );
    return alike ? list : null;
  } catch (error) {
    if (error instanceof NotRecorded) return null;
    throw error;
  }
}
