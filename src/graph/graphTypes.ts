/** A graph model's JSON as this package reads it, and the strings by which its nodes name each other. */
import type {Attributes} from './attributes';

/** One node, as in model.json. Treat as read-only; `ModelGraph.replaceNode` puts another in its place. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** As written: 'a' (first output of a), 'a:1' (its second), '^a' (a must run before). */
  readonly input?: readonly string[];
  readonly attr?: Attributes;
}

/** `artifacts.modelTopology` of a graph model. */
export interface Topology {
  readonly node: readonly GraphNode[];
  readonly library?: {readonly function?: ReadonlyArray<{readonly nodeDef?: readonly GraphNode[]}>};
}

/** Tensor names by key, as callers of the model use them. */
export interface Signature {
  readonly inputs?: Readonly<Record<string, {readonly name: string}>>;
  readonly outputs?: Readonly<Record<string, {readonly name: string}>>;
}

/** What a node's input string names. */
export interface TensorRef {
  readonly node: string;
  /** Which of the node's outputs. */
  readonly output: number;
  /** True for '^node', an order without a value. */
  readonly control: boolean;
}

/** One use of a node's output. */
export interface Consumer {
  readonly node: GraphNode;
  /** Position in `node.input`. */
  readonly slot: number;
  readonly ref: TensorRef;
}

/** Splits an input string as tfjs does: 'name', 'name:1' or 'name:outputName:1', with '^' in front of a control input. */
export function parseRef(input: string): TensorRef {
  const control = input.startsWith('^');
  const parts = (control ? input.slice(1) : input).split(':');
  return {node: parts[0], output: parts.length === 1 ? 0 : Number(parts[parts.length - 1]), control};
}

/** The same input string with the node's name exchanged, e.g. 'a:1' to 'b:1'. */
export function renameRef(input: string, from: string, to: string): string {
  if (parseRef(input).node !== from) return input;
  const control = input.startsWith('^') ? '^' : '';
  return control + to + input.slice(control.length + from.length);
}
