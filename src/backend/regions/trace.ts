// What an inference computes, seen as the calls of tfjs's kernels that it makes.
import {engine, type Tensor, type TensorInfo, Variable} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';

/** A kernel's inputs as tfjs hands them over; those left out are undefined. */
export type KernelInputs = Readonly<Record<string, TensorInfo | undefined>> | readonly TensorInfo[];

/** One call of a kernel whose result hangs on the inputs of the inference. Tensors are known by their data ids. */
export interface TracedCall {
  readonly kernelName: string;
  readonly inputs: KernelInputs;
  readonly attrs: object;
  readonly outputs: readonly TensorInfo[];
}

/** The calls of one inference, in their order, that its outputs hang on. Plain data but for the constants. */
export interface Trace {
  readonly inputs: readonly TensorInfo[];
  readonly calls: readonly TracedCall[];
  /** One and the same where a tensor is asked for twice. */
  readonly outputs: readonly TensorInfo[];
  /** Data that calls use and that no call makes: weights, what was made for the one inference, and what that hangs on. */
  readonly constants: ReadonlySet<object>;
  /** Variables that were read, with the data that they had. */
  readonly variables: readonly (readonly [Variable, object])[];
  /** Holds the constants that were made for the one inference; whoever gets the trace disposes of them. */
  readonly kept: readonly Tensor[];
}

/** An obstacle that the next inference need not meet. */
export const SHARED_DATA = 'two inputs share their data';

type RunKernel = (name: string, inputs: object, attrs?: object) => Tensor | Tensor[];

/**
 * Runs an inference and notes what it computes.
 *
 * @param inputs all that the result hangs on beside constants
 * @param run the inference; what it computes is its result here, too
 * @param onTrace gets the trace, or the reason why the inference cannot be computed again from its trace alone
 */
export function traced(
  backend: BlockSparseBackend,
  inputs: readonly Tensor[],
  run: () => Tensor[],
  onTrace: (trace: Trace | string) => void,
): Tensor[] {
  const tfjs = engine() as unknown as {runKernel: RunKernel; nextTensorId(): number};
  const {runKernel} = tfjs;
  const firstId = tfjs.nextTensorId();
  const given = new Set<object>(inputs.map(({dataId}) => dataId));
  const dependent = new Set<object>(given);
  const constants = new Map<object, Tensor>();
  /** Tensors from before that were read, with the data that they had. */
  const older = new Map<Tensor, object>();
  /** What constants are made of. */
  const sources = new Set<object>();
  const calls: TracedCall[] = [];
  let obstacle = given.size < inputs.length ? SHARED_DATA : null;

  const note = (kernelName: string, args: object, attrs: object, result: Tensor | Tensor[]) => {
    const used = (Object.values(args) as unknown[]).flat().filter(isTensor);
    for (const tensor of used) {
      if (tensor.id < firstId && !given.has(tensor.dataId) && !older.has(tensor)) older.set(tensor, tensor.dataId);
    }
    if (!used.some(({dataId}) => dependent.has(dataId))) {
      for (const {dataId} of used) sources.add(dataId);
      return;
    }
    for (const tensor of used) {
      if (dependent.has(tensor.dataId) || constants.has(tensor.dataId)) continue;
      // Not a clone, which is a copy on this backend.
      const shared = runKernel.call(engine(), 'Reshape', {x: tensor}, {shape: tensor.shape}) as Tensor;
      constants.set(tensor.dataId, engine().keep(shared));
    }
    const outputs = [result].flat().map(infoOf);
    for (const {dataId} of outputs) dependent.add(dataId);
    calls.push({kernelName, inputs: mapInputs(args as KernelInputs, infoOf), attrs, outputs});
  };

  const ownRunKernel = Object.hasOwn(tfjs, 'runKernel');
  tfjs.runKernel = (name, args, attrs = {}) => {
    const result = runKernel.call(engine(), name, args, attrs);
    if (obstacle === null) note(name, args, attrs, result);
    return result;
  };
  backend.onRead = (dataId) => {
    // A kernel that reads its input does so again; other code may decide by it what to compute.
    const outside = engine().state.kernelDepth === 0;
    if (outside && dependent.has(dataId)) obstacle = 'what it computes depends on the values of a tensor';
  };
  let results: Tensor[] | undefined;
  try {
    results = run();
    return results;
  } finally {
    if (ownRunKernel) tfjs.runKernel = runKernel;
    else delete (tfjs as Partial<typeof tfjs>).runKernel;
    backend.onRead = null;
    const held = [...constants.values()];
    // Data that outlives the inference has an owner: it must not be held here when its owner disposes of it.
    for (const tensor of held) if (backend.refCount(tensor.dataId) > 1) tensor.dispose();
    const kept = held.filter((tensor) => !tensor.isDisposed);
    for (const {dataId} of kept) backend.isNoWeight(dataId);
    if (results) {
      const fresh = results.every(({dataId}) => dependent.has(dataId) && !given.has(dataId));
      if (!fresh) obstacle ??= 'an output is an input or a constant';
      const infos = new Map(results.map((tensor) => [tensor, infoOf(tensor)]));
      const outputs = results.map((tensor) => infos.get(tensor)!);
      const read = [...older];
      if (read.some(([tensor, dataId]) => tensor.isDisposed || tensor.dataId !== dataId)) {
        obstacle ??= 'it replaces a tensor that it reads';
      }
      if (obstacle === null) {
        const lasting = [...sources].filter((dataId) => backend.refCount(dataId) > 0);
        onTrace({
          inputs: inputs.map(infoOf),
          calls: liveCalls(calls, outputs),
          outputs,
          constants: new Set([...constants.keys(), ...lasting]),
          variables: read.filter((pair): pair is [Variable, object] => pair[0] instanceof Variable),
          kept,
        });
      } else {
        onTrace(obstacle);
      }
    }
    if (obstacle !== null || !results) for (const clone of kept) clone.dispose();
  }
}

/** The calls that outputs hang on. */
function liveCalls(calls: readonly TracedCall[], outputs: readonly TensorInfo[]): TracedCall[] {
  const needed = new Set<object>(outputs.map(({dataId}) => dataId));
  const live: TracedCall[] = [];
  for (let i = calls.length - 1; i >= 0; i--) {
    const call = calls[i];
    if (!call.outputs.some(({dataId}) => needed.has(dataId))) continue;
    live.unshift(call);
    for (const input of infosOf(call.inputs)) needed.add(input.dataId);
  }
  return live;
}

/** The tensors among a kernel's inputs. */
export function infosOf(inputs: KernelInputs): TensorInfo[] {
  return (Object.values(inputs) as (TensorInfo | undefined)[]).filter((info) => info !== undefined);
}

/** Inputs of the same form, each replaced by what `replace` gives for it. */
export function mapInputs(inputs: KernelInputs, replace: (info: TensorInfo) => TensorInfo): KernelInputs {
  if (Array.isArray(inputs)) return (inputs as readonly TensorInfo[]).map(replace);
  const entries = Object.entries(inputs as Readonly<Record<string, TensorInfo | undefined>>);
  return Object.fromEntries(entries.map(([name, info]) => [name, info && replace(info)]));
}

function infoOf({dataId, shape, dtype}: TensorInfo): TensorInfo {
  return {dataId, shape, dtype};
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value;
}
