/**
 * Recognises the activations that a model spells out as a clamp: Maximum(x, 0) is a Relu, Minimum of that and 6, in
 * either order and after a Relu or not, a Relu6. Fused into the layer before them they cost nothing; on their own, stock runs each as a
 * broadcast over the whole tensor, slower than the layer itself.
 */
import {typeAttr} from '../attributes';
import {parseRef, type GraphNode, type ModelGraph} from '../modelGraph';
import {absorb, soleConsumer, type PassResult, type Remark} from './absorb';

/** One side of a clamp. */
interface Limit {
  readonly op: 'Maximum' | 'Minimum';
  readonly bound: number;
  /** The limited input as written. */
  readonly input: string;
}

export function clampActivation(graph: ModelGraph): PassResult {
  const changes: Remark[] = [];
  for (const {name} of graph.allNodes()) {
    const node = graph.node(name); // as it is now: the second half of a clamp may have been replaced
    const inner = graph.isLive(name) ? readLimit(graph, node) : undefined;
    if (inner === undefined) continue;
    const use = soleConsumer(graph, node.name);
    const outer = use && readLimit(graph, use.node);
    if (outer !== undefined && isRelu6(inner, outer)) {
      const relu = reluBefore(graph, node, inner.input);
      const [head, input] = relu ? [relu.name, relu.input![0]] : [node.name, inner.input];
      absorb(graph, head, activation('Relu6', use!.node.name, input));
      changes.push({node: use!.node.name, what: `recognised ${node.op} '${node.name}' and ${outer.op} as a Relu6`});
    } else if (inner.op === 'Maximum' && inner.bound === 0) {
      graph.replaceNode({...activation('Relu', node.name, inner.input), attr: node.attr});
      changes.push({node: node.name, what: 'recognised a Maximum with 0 as a Relu'});
    }
  }
  return {changes, leftAlone: []};
}

/** A node that limits a float tensor by a constant scalar, which either of its inputs may be. */
function readLimit(graph: ModelGraph, node: GraphNode): Limit | undefined {
  if (node.op !== 'Maximum' && node.op !== 'Minimum') return undefined;
  const inputs = node.input ?? [];
  if (inputs.length !== 2 || inputs.some((input) => input.startsWith('^'))) return undefined;
  for (const slot of [0, 1]) {
    const constant = graph.constantBehind(graph.inputs(node)[slot].node);
    if (constant === undefined || graph.weightType(constant) !== 'float32') continue;
    // A scalar: a constant of a rank above 0 may give the result another shape.
    if (graph.weightShape(constant).length > 0) continue;
    return {op: node.op, bound: graph.weightValues(constant)[0], input: inputs[1 - slot]};
  }
  return undefined;
}

function isRelu6(inner: Limit, outer: Limit): boolean {
  if (inner.op === outer.op) return false;
  const [maximum, minimum] = inner.op === 'Maximum' ? [inner, outer] : [outer, inner];
  return maximum.bound === 0 && minimum.bound === 6;
}

/** A Relu that nothing but the clamp reads: the clamp does its work too. */
function reluBefore(graph: ModelGraph, clamp: GraphNode, input: string): GraphNode | undefined {
  const {node: name, output} = parseRef(input);
  if (output !== 0 || !graph.hasNode(name)) return undefined;
  const relu = graph.node(name);
  if (relu.op !== 'Relu' || relu.input?.length !== 1) return undefined;
  return soleConsumer(graph, name)?.node.name === clamp.name ? relu : undefined;
}

const activation = (op: string, name: string, input: string): GraphNode => ({
  name,
  op,
  input: [input],
  attr: {T: typeAttr('DT_FLOAT')},
});
