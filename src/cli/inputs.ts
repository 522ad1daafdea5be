/** What a model is fed to measure or compare it: shapes where it leaves them open, and random values. */
import type {GraphModel} from '@tensorflow/tfjs-converter';
import {tensor, type NamedTensorMap} from '@tensorflow/tfjs-core';
import type {InputShapes} from './arguments';
import {UsageError, UserError} from './errors';

/** Height and width of images, and their channels, where neither model nor user says them. */
const IMAGE = [1, 224, 224, 3];

export interface PlannedInput {
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
}

/**
 * Settles all dimensions of a model's inputs: as given, else as the model has them, else 224 x 224 x 3 for images and 1 for
 * anything else.
 *
 * @throws UsageError if a given shape names no input or does not fit it
 * @throws UserError for an input that cannot be fed
 */
export function planInputs({inputs, modelSignature}: GraphModel, given: InputShapes = {}): PlannedInput[] {
  const known = inputs.map(({name}) => name);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--input ${unknown}: the model has no such input; it has ${known.join(', ')}`);
  }
  const signed = Object.values((modelSignature as Signature | undefined)?.inputs ?? {});
  return inputs.map(({name, shape, dtype}) => {
    if (dtype !== 'float32' && dtype !== 'int32') {
      throw new UserError(`input ${name} is ${dtype}: only float32 and int32 can be made up`);
    }
    const wanted = Object.hasOwn(given, name) ? given[name] : undefined;
    const open = shape ?? wanted?.map(() => -1);
    if (open === undefined) throw new UserError(`input ${name} has no rank: give --input ${name}=1,224,224,3`);
    if (wanted && (wanted.length !== open.length || open.some((size, i) => size > 0 && size !== wanted[i]))) {
      throw new UsageError(`--input ${name}=${wanted.join(',')}: the model takes [${open.join(', ')}]`);
    }
    const signature = signed.find((entry) => entry.name?.split(':')[0] === name)?.tensorShape?.dim;
    const sizes = open.map((size, i) => {
      const choices = [wanted?.[i], size, Number(signature?.[i]?.size), open.length === 4 ? IMAGE[i] : 1];
      return choices.find((choice) => choice! > 0)!;
    });
    return {name, dtype, shape: sizes};
  });
}

interface Signature {
  readonly inputs?: Readonly<
    Record<string, {readonly name?: string; readonly tensorShape?: {readonly dim?: readonly {size: number | string}[]}}>
  >;
}

/** Tensors of the next random numbers: floats in [-1, 1), integers in 0 to 255. The caller disposes of them. */
export function randomInputs(plan: readonly PlannedInput[], random: () => number): NamedTensorMap {
  return Object.fromEntries(
    plan.map(({name, dtype, shape}) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const values =
        dtype === 'int32'
          ? Int32Array.from({length: size}, () => Math.floor(random() * 256))
          : Float32Array.from({length: size}, () => random() * 2 - 1);
      return [name, tensor(values, [...shape], dtype)];
    }),
  );
}
