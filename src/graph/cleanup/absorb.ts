/**
 * How a fused node takes the place of a chain. It gets the name of the
 * chain's last node, so that every consumer and output finds it. The earlier
 * nodes keep names and definitions and lie dormant: tfjs runs them only for
 * somebody who fetches them. The last node's own definition is kept beside
 * it, for models whose inner nodes are fed from outside (`unfusedNodes`).
 */
import {readString, stringAttr, typeAttr} from '../attributes';
import type {Consumer, GraphNode, ModelGraph} from '../modelGraph';

/** Names the node that holds a fused node's definition before fusion. */
const UNFUSED = '_unfused';

/** What one step of the clean-up did, or why it did nothing. */
export interface Remark {
  readonly node: string;
  readonly what: string;
}

export interface PassResult {
  readonly changes: Remark[];
  readonly leftAlone: Remark[];
}

/**
 * The one live consumer of a node's value, if there is exactly one and
 * nothing else sees the node: it is no output, no input, and not used by a
 * library function.
 */
export function soleConsumer(graph: ModelGraph, name: string): Consumer | undefined {
  if (graph.isOutput(name) || graph.isInput(name) || graph.isPinned(name)) return undefined;
  const uses = graph.consumers(name);
  return uses.length === 1 && !uses[0].ref.control && uses[0].ref.output === 0 ? uses[0] : undefined;
}

/**
 * Puts `fused`, which computes the chain from `head` on, in the place of the
 * chain's last node; they have the same name.
 */
export function absorb(graph: ModelGraph, head: string, fused: GraphNode): void {
  const last = graph.node(fused.name);
  const twin = graph.freeName(`${last.name}/unfused`);
  graph.addNode({...last, name: twin});
  // The data type is part of what tfjs tells about outputs and checks of fed tensors.
  const T = last.attr?.T ?? typeAttr('DT_FLOAT');
  graph.replaceNode({...fused, attr: {...fused.attr, T, [UNFUSED]: stringAttr(twin)}});
  // The head may be the work of an earlier pass. Dormant, it is itself again.
  const original = unfusedName(graph.node(head));
  if (original !== undefined) {
    graph.replaceNode({...graph.node(original), name: head});
    graph.removeNode(original);
  }
}

/** The nodes with every fused node as it was before fusion: what runs when an inner node is fed. */
export function unfusedNodes(nodes: readonly GraphNode[]): GraphNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return nodes.map((node) => {
    let original: GraphNode | undefined = node;
    // What one pass made, a later one may have absorbed.
    for (let twin = unfusedName(node); twin !== undefined; twin = original && unfusedName(original)) {
      original = byName.get(twin);
    }
    return original === undefined || original === node ? node : {...original, name: node.name};
  });
}

const unfusedName = (node: GraphNode): string | undefined => readString(node, UNFUSED);
