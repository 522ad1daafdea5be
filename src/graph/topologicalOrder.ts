import type {GraphNode, ModelGraph} from './modelGraph';

/** All nodes, inputs before their users; within a loop of nodes in any order. */
export function topologicalOrder(graph: ModelGraph): GraphNode[] {
  const order: GraphNode[] = [];
  const seen = new Set<string>();
  for (const root of graph.allNodes()) {
    // Iterative depth-first search: graphs can be deeper than the call stack.
    const stack: Array<{node: GraphNode; inputs: readonly string[]; next: number}> = [];
    const visit = (node: GraphNode) => {
      if (seen.has(node.name)) return;
      seen.add(node.name);
      stack.push({node, inputs: graph.inputs(node).map((ref) => ref.node), next: 0});
    };
    visit(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.inputs.length) {
        visit(graph.node(top.inputs[top.next++]));
      } else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}
