/** Packed models: the command line's one way to them. */
import type {io} from '@tensorflow/tfjs-core';
import {UserError} from './errors';

export async function packModel(
  _artifacts: io.ModelArtifacts,
  _options: {readonly float16?: boolean},
): Promise<io.ModelArtifacts> {
  throw new UserError('this version does not write packed models: leave --packed out');
}

/** A plain graph model of a packed one. */
export async function unpackModel(_artifacts: io.ModelArtifacts, name: string): Promise<io.ModelArtifacts> {
  throw new UserError(`${name} is not packed: nothing to convert back`);
}
