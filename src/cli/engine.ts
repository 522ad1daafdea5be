/** A model on a backend of TensorFlow.js. */
import {loadGraphModel, type GraphModel} from '@tensorflow/tfjs-converter';
import {dispose, findBackendFactory, io, setBackend, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import {messageOf, UserError} from './errors';
import type {Model} from './models';

export const BACKENDS = ['blocksparse-1xn', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** One output of an inference. */
export interface Output {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

export interface Engine {
  readonly model: GraphModel;
  /** Runs the model and reads its outputs; `ms` from the call until they are read. */
  run(inputs: NamedTensorMap): Promise<{readonly ms: number; readonly outputs: Output[]}>;
}

/** @throws UserError if the backend cannot start, or the model cannot be loaded */
export async function startEngine(backend: Backend, {name, artifacts}: Model): Promise<Engine> {
  await startBackend(backend);
  let model: GraphModel;
  try {
    model = await loadGraphModel(io.fromMemory(artifacts));
  } catch (error) {
    throw new UserError(`${name} cannot be loaded: ${messageOf(error)}`, {cause: error});
  }
  const execute = executor(model);
  return {
    model,
    async run(inputs) {
      await setBackend(backend);
      const begin = performance.now();
      const result = await execute(inputs);
      const tensors = Array.isArray(result) ? result : [result];
      const data = await Promise.all(tensors.map((output) => output.data()));
      const ms = performance.now() - begin;
      const outputs = tensors.map(({shape}, i) => ({name: model.outputs[i].name, shape, data: data[i]}) as Output);
      const fed = Object.values(inputs);
      dispose(tensors.filter((output) => !fed.includes(output)));
      return {ms, outputs};
    },
  };
}

/** @throws UserError if it cannot start */
export async function startBackend(backend: Backend): Promise<void> {
  if (backend === 'cpu' && findBackendFactory('cpu') === null) {
    try {
      await import('@tensorflow/tfjs-backend-cpu');
    } catch (error) {
      throw new UserError('the backend cpu is not installed: npm install @tensorflow/tfjs-backend-cpu@4.22.0', {
        cause: error,
      });
    }
  }
  if (!(await setBackend(backend))) throw new UserError(`the backend ${backend} cannot start here`);
}

/** `execute`, or `executeAsync` from the moment on when tfjs refuses the former for control flow or dynamic shapes. */
function executor(model: GraphModel): (inputs: NamedTensorMap) => Promise<Tensor | Tensor[]> {
  let dynamic = false;
  return async (inputs) => {
    if (!dynamic) {
      try {
        return model.execute(inputs) as Tensor | Tensor[];
      } catch (error) {
        if (!/executeAsync/.test(messageOf(error))) throw error;
        dynamic = true;
      }
    }
    return model.executeAsync(inputs);
  };
}
