import type {Consumer, GraphNode, ModelGraph} from './modelGraph';

/**
 * The inputs of live nodes that get a constant, straight or by Identity nodes; `undefined` where it is an output of
 * the model or used by a library function.
 */
export function constantUsers(graph: ModelGraph, name: string): Consumer[] | undefined {
  if (graph.isOutput(name) || graph.isPinned(name)) return undefined;
  const users: Consumer[] = [];
  for (const use of graph.consumers(name)) {
    const behind = use.node.op === 'Identity' && !use.ref.control ? constantUsers(graph, use.node.name) : [use];
    if (!behind) return undefined;
    users.push(...behind);
  }
  return users;
}

/** The constant at an input of a node, if this input is all that uses it. */
export function soleConstant(graph: ModelGraph, node: GraphNode, slot: number): string | undefined {
  const ref = graph.inputs(node).at(slot);
  const name = ref && graph.constantBehind(ref.node);
  return name !== undefined && constantUsers(graph, name)?.length === 1 ? name : undefined;
}
