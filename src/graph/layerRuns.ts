/** Nodes of a sketch that are computed by layers, in place of the ops that stand for them. */
import {deregisterOp, registerOp} from '@tensorflow/tfjs-converter';
import {tidy, type io, type Tensor} from '@tensorflow/tfjs-core';
import {intAttr, readString, stringAttr, type Attributes} from './attributes';
import type {Topology} from './graphTypes';

/** Computes a node's outputs from all its inputs, weights and constants included. */
export type NodeRun = (inputs: Tensor[]) => Tensor | Tensor[];

/** Gives what it is given. */
export const passOn: NodeRun = (tensors) => tensors;

/** Attributes of such a node: the op that it is when it runs, and which of that op's computations is its own. */
const OP = '_runs_as';
const CALL = '_call';

let opened = 0;

/** What the nodes of one sketch compute. */
export class LayerRuns {
  private readonly op = `BlockSparseLayer${opened++}`;
  private readonly runs: NodeRun[] = [];

  /** The attributes of a node that computes this. */
  attributes(run: NodeRun): Attributes {
    this.runs.push(run);
    return {[OP]: stringAttr(this.op), [CALL]: intAttr(this.runs.length - 1)};
  }

  /** Lets models made of the sketch run; the function given ends that. */
  open(): () => void {
    registerOp(this.op, ({inputs, attrs}) =>
      tidy(() => {
        const outputs = [this.runs[attrs[CALL] as number](inputs)].flat();
        // What a layer passes on would be disposed of twice.
        return outputs.map((output) => (inputs.includes(output) ? output.clone() : output));
      }),
    );
    return () => deregisterOp(this.op);
  }
}

/** The artifacts as they run: nodes that layers compute get the op that does so. */
export function asRun(artifacts: io.ModelArtifacts): io.ModelArtifacts {
  const topology = artifacts.modelTopology as Topology;
  if (!isSketch(artifacts)) return artifacts;
  const node = topology.node.map((node) => {
    const op = readString(node, OP);
    return op === undefined ? node : {...node, op};
  });
  return {...artifacts, modelTopology: {...topology, node}};
}

/** Marks artifacts of a sketch: their nodes must be found again, so they are not to be cleaned up. */
export const SKETCH_FORMAT = 'blocksparse-1xn-sketch';

/** True for artifacts of a sketch and what was made of them. */
export const isSketch = ({format}: io.ModelArtifacts): boolean => format === SKETCH_FORMAT;
