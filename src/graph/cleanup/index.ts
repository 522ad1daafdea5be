/**
 * The lossless clean-up of a graph model: what the converter could have
 * fused and did not. Outputs, and every node fetched by name, stay what they
 * were up to rounding.
 */
import type {io} from '@tensorflow/tfjs-core';

import {ModelGraph} from '../modelGraph';
import type {PassResult, Remark} from './absorb';
import {clampActivation} from './clampActivation';
import {foldAffine} from './foldAffine';
import {fuseActivation} from './fuseActivation';

export {unfusedNodes, type PassResult, type Remark} from './absorb';
export {clampActivation} from './clampActivation';
export {foldAffine} from './foldAffine';
export {fuseActivation} from './fuseActivation';

/** The passes in their order: an activation ends what an affine chain may reach, and is recognised before it is fused. */
const PASSES: ReadonlyArray<(graph: ModelGraph) => PassResult> = [foldAffine, clampActivation, fuseActivation];

export interface CleanUpResult {
  /** Standard artifacts; those given, untouched, where there was nothing to do. */
  readonly artifacts: io.ModelArtifacts;
  /** What was folded or fused, by the node it went into. */
  readonly changes: Remark[];
  /** What looked foldable and was not, with the reason. */
  readonly leftAlone: Remark[];
}

/**
 * Folds and fuses all that can be. The artifacts given are not changed.
 *
 * The result is an ordinary graph model for any backend. Two things tell it
 * from the original: a filter that was scaled goes by another name in
 * `model.weights` (fetched as a node it is what it was), and inner nodes can
 * be fed only where the load hook of this package is at work. In
 * `executeAsync` tfjs keeps the inputs of dormant nodes until the run ends.
 *
 * @throws where the artifacts hold no graph model or their weights are still a stream.
 */
export function cleanUpGraph(artifacts: io.ModelArtifacts): CleanUpResult {
  const graph = ModelGraph.from(artifacts);
  const results = PASSES.map((pass) => pass(graph));
  const changes = results.flatMap((result) => result.changes);
  return {
    artifacts: changes.length > 0 ? graph.toArtifacts() : artifacts,
    changes,
    leftAlone: results.flatMap((result) => result.leftAlone),
  };
}
