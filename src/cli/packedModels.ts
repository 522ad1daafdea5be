/** Packed models: the command line's one way to them. */
import type {io} from '@tensorflow/tfjs-core';
import {packArtifacts, unpackArtifacts, type PackOptions} from '../index';
import {UserError} from './errors';

/** A model whose filters are stored as kept blocks where that is smaller. */
export function packModel(artifacts: io.ModelArtifacts, options: PackOptions): io.ModelArtifacts {
  return packArtifacts(artifacts, options).artifacts;
}

/** A plain graph model of a packed one. */
export function unpackModel(artifacts: io.ModelArtifacts, name: string): io.ModelArtifacts {
  const plain = unpackArtifacts(artifacts);
  if (plain === artifacts) throw new UserError(`${name} is not packed: nothing to convert back`);
  return plain;
}
