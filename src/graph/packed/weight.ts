/**
 * Weights that are at hand in packed form alone, as rewriters pass them on to each other: manifest entries of no bytes,
 * under whose symbol the blocks hang. Only what stays inside this package may hold them.
 */
import type {io} from '@tensorflow/tfjs-core';
import type {PackedWeight} from '../../packed';

const PACKED = Symbol('packed weight');

type Spec = io.WeightsManifestEntry;

/** The manifest entry of a packed weight: what tfjs makes of it is replaced once the model is loaded. */
export function packedSpec(name: string, weight: PackedWeight): Spec {
  return {name, shape: [0], dtype: 'float32', [PACKED]: weight} as Spec;
}

/** The packed weight behind a manifest entry, if there is one. */
export function packedOf(spec: Spec): PackedWeight | undefined {
  return (spec as {[PACKED]?: PackedWeight})[PACKED];
}
