/** The signature of a graph model: which nodes are its inputs and outputs, by tfjs-converter's rules. */
import type {io} from '@tensorflow/tfjs-core';
import {parseRef, type Signature} from './graphTypes';

/** The signature that tfjs goes by: that in userDefinedMetadata before that of the artifacts. */
export function signatureOf(artifacts: io.ModelArtifacts): Signature | undefined {
  return (artifacts.userDefinedMetadata?.signature ?? artifacts.signature) as Signature | undefined;
}

/** The nodes that one side of the signature lists, or `undefined` where it lists nothing. */
export function declaredNodes(artifacts: io.ModelArtifacts, side: 'inputs' | 'outputs'): string[] | undefined {
  const names = Object.values(signatureOf(artifacts)?.[side] ?? {}).map((info) => parseRef(info.name).node);
  return names.length > 0 ? names : undefined;
}

/**
 * The fields of the artifacts that declare the outputs under their own names,
 * which leaves tfjs's `outputNodes`, `outputs` and `predict()` as they are.
 */
export function declareOutputs(artifacts: io.ModelArtifacts, names: readonly string[]): Partial<io.ModelArtifacts> {
  const signature = {
    ...signatureOf(artifacts),
    outputs: Object.fromEntries(names.map((name) => [name, {name}])),
  };
  const metadata = artifacts.userDefinedMetadata;
  return metadata?.signature ? {userDefinedMetadata: {...metadata, signature}} : {signature};
}
