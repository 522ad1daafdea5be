/** How far a model's outputs are from its teacher's, and the gradient of that. */
import {
  add,
  customGrad,
  div,
  logSoftmax,
  mean,
  mul,
  softmax,
  square,
  squaredDifference,
  sub,
  sum,
  type Tensor,
} from '@tensorflow/tfjs-core';
import {parseRef, type ModelGraph} from './modelGraph';

/** A tensor that teacher and student are compared at. */
export interface Target {
  /** The node of which it is the first output. */
  readonly node: string;
  /** It is what a softmax makes probabilities of. */
  readonly logits: boolean;
  /** What it counts for in the loss. */
  readonly weight: number;
}

const PASSES_ON: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Squeeze']);

/** What the outputs of a model are compared at, in their order: before a softmax its logits. */
export function targetsOf(graph: ModelGraph): Target[] {
  return graph.outputNames().map((name) => {
    let node = graph.node(name);
    while (PASSES_ON.has(node.op)) node = graph.node(graph.inputs(node)[0].node);
    const plain = {node: name, logits: false, weight: 1};
    if (node.op !== 'Softmax') return plain;
    const [logits] = graph.inputs(node);
    return parseRef(node.input![0]).output > 0 ? plain : {node: logits.node, logits: true, weight: 1};
  });
}

/** Inner nodes, which together count as much as one output. */
export const innerTargets = (nodes: readonly string[]): Target[] =>
  nodes.map((node) => ({node, logits: false, weight: 1 / nodes.length}));

/**
 * Of the same targets of both models, float32: the Kullback-Leibler divergence in nats of a distribution, averaged over the
 * batch, otherwise the squared error over the variance of the teacher's; their weighted sum.
 */
export function distance(targets: readonly Target[], teacher: readonly Tensor[], student: readonly Tensor[]): Tensor {
  return targets
    .map(({logits, weight}, i) => mul(weight, (logits ? divergence : relativeError)(teacher[i], student[i])))
    .reduce((total, part) => add(total, part));
}

/** Its gradient is softmax(student) - softmax(teacher): written down, as neither small probabilities nor logarithms harm it. */
function divergence(teacher: Tensor, student: Tensor): Tensor {
  return customGrad((...args) => {
    const [logits, save] = args as unknown as [Tensor, (tensors: Tensor[]) => void];
    const rows = logits.size / logits.shape[logits.shape.length - 1];
    save([logits]);
    return {
      value: div(sum(mul(softmax(teacher), sub(logSoftmax(teacher), logSoftmax(logits)))), rows),
      gradFunc: (dy: Tensor, [saved]: Tensor[]) => mul(dy, div(sub(softmax(saved), softmax(teacher)), rows)),
    };
  })(student);
}

function relativeError(teacher: Tensor, student: Tensor): Tensor {
  const variance = mean(square(sub(teacher, mean(teacher))));
  return div(mean(squaredDifference(student, teacher)), add(variance, 1e-12));
}
