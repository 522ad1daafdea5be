/**
 * The nodes of a graph, who uses whom, and which are live. Every edit costs
 * as much as what it changes, never a pass over the graph.
 */
import {parseRef, type Consumer, type GraphNode} from './graphTypes';

export class NodeSet {
  private readonly nodes = new Map<string, GraphNode>();
  /** Names of the nodes that mention a node among their inputs, live or not. */
  private readonly users = new Map<string, Set<string>>();
  /** How many inputs of live nodes, plus calls of `keepAlive`, name a node. Above zero means live. */
  private readonly liveUses = new Map<string, number>();

  /** @throws where a node has an input that is not among them. */
  constructor(nodes: readonly GraphNode[]) {
    for (const node of nodes) {
      this.nodes.set(node.name, node);
      this.users.set(node.name, new Set());
    }
    for (const node of this.nodes.values()) {
      this.requireInputs(node);
      this.link(node);
    }
  }

  /** In the order of the file, then of addition. */
  all(): GraphNode[] {
    return [...this.nodes.values()];
  }

  has(name: string): boolean {
    return this.nodes.has(name);
  }

  get(name: string): GraphNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`There is no node '${name}' in the graph.`);
    return node;
  }

  isLive(name: string): boolean {
    return (this.liveUses.get(name) ?? 0) > 0;
  }

  isUsed(name: string): boolean {
    return this.usersOf(name).size > 0;
  }

  /** The uses of a node's outputs by nodes that are `wanted`. */
  uses(name: string, wanted: (user: string) => boolean): Consumer[] {
    return [...this.usersOf(name)].filter(wanted).flatMap((userName) => {
      const node = this.get(userName);
      const refs = (node.input ?? []).map((input, slot) => ({node, slot, ref: parseRef(input)}));
      return refs.filter(({ref}) => ref.node === name);
    });
  }

  /** Makes a node, and with it all that it needs, live for good. */
  keepAlive(name: string): void {
    this.countUses([name], 1);
  }

  add(node: GraphNode): void {
    if (this.nodes.has(node.name)) throw new Error(`There is a node '${node.name}' already.`);
    this.requireInputs(node);
    this.nodes.set(node.name, node);
    this.users.set(node.name, new Set());
    this.link(node);
  }

  /** Puts a node in the place of the one of the same name. */
  replace(node: GraphNode): void {
    const old = this.get(node.name);
    this.requireInputs(node);
    this.nodes.set(node.name, node);
    this.unlink(old);
    this.link(node);
    if (!this.isLive(node.name)) return;
    // New uses first: what both nodes use must not be taken for dead in between.
    this.countUses(inputNodes(node), 1);
    this.countUses(inputNodes(old), -1);
  }

  /** Removes a node that nothing uses. */
  remove(name: string): void {
    const node = this.get(name);
    const [user] = this.usersOf(name);
    if (user !== undefined) throw new Error(`Node '${name}' is still used by '${user}'.`);
    this.unlink(node);
    this.nodes.delete(name);
    this.users.delete(name);
    this.liveUses.delete(name);
  }

  private usersOf(name: string): ReadonlySet<string> {
    return this.users.get(name) ?? new Set();
  }

  private requireInputs(node: GraphNode): void {
    const missing = (node.input ?? []).find((input) => !this.nodes.has(parseRef(input).node));
    if (missing !== undefined) {
      throw new Error(`Node '${node.name}' has the input '${missing}', which does not exist in the graph.`);
    }
  }

  private link(node: GraphNode): void {
    for (const input of inputNodes(node)) this.users.get(input)?.add(node.name);
  }

  private unlink(node: GraphNode): void {
    for (const input of inputNodes(node)) this.users.get(input)?.delete(node.name);
  }

  /**
   * One live use more (1) or less (-1) of every name. What comes alive or
   * dies by that gives or takes a use of its own inputs in turn. (A dead loop
   * of control flow stays counted as live, which is the safe side.)
   */
  private countUses(names: string[], change: 1 | -1): void {
    const pending = [...names];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const uses = (this.liveUses.get(name) ?? 0) + change;
      this.liveUses.set(name, uses);
      const turned = change === 1 ? uses === 1 : uses === 0;
      if (turned) pending.push(...inputNodes(this.get(name)));
    }
  }
}

const inputNodes = (node: GraphNode): string[] => (node.input ?? []).map((input) => parseRef(input).node);
