/**
 * A typed, editable view of a tfjs graph model's artifacts. The artifacts
 * given are never changed: nodes are replaced, not edited, and weights that
 * nobody sets stay byte for byte what they were.
 *
 * "Live" means: needed for a declared output. A graph may also hold dormant
 * nodes, which tfjs executes only when somebody fetches them by name; they
 * do not count as consumers.
 */
import type {io} from '@tensorflow/tfjs-core';
import {constAttributes, type Attributes} from './attributes';
import {parseRef, renameRef, type Consumer, type GraphNode, type TensorRef, type Topology} from './graphTypes';
import {NodeSet} from './nodeSet';
import {declaredNodes, declareOutputs} from './signature';
import {WeightStore} from './weights';

export {parseRef, type Consumer, type GraphNode, type Signature, type TensorRef, type Topology} from './graphTypes';

export class ModelGraph {
  private readonly topology: Topology;
  private readonly nodes: NodeSet;
  private readonly weights: WeightStore;
  private readonly inputSet: ReadonlySet<string>;
  private readonly outputSet: ReadonlySet<string>;
  private readonly pinned: ReadonlySet<string>;

  /**
   * @throws where the artifacts hold no graph model, a node's input does not exist, or the weights are still a stream.
   */
  static from(artifacts: io.ModelArtifacts): ModelGraph {
    return new ModelGraph(artifacts);
  }

  private constructor(private readonly artifacts: io.ModelArtifacts) {
    const topology = artifacts.modelTopology as Topology | undefined;
    if (!Array.isArray(topology?.node)) {
      throw new Error('These artifacts hold no graph model: modelTopology.node is missing. Layers models have none.');
    }
    if (artifacts.weightData === undefined && artifacts.getWeightStream !== undefined) {
      throw new Error('The weights of these artifacts are still a stream: read it into weightData first.');
    }
    this.topology = topology;
    this.weights = new WeightStore(artifacts.weightSpecs, artifacts.weightData);
    this.nodes = new NodeSet(topology.node);

    const named = (names: readonly string[]): Set<string> => new Set(names.filter((name) => this.nodes.has(name)));
    const placeholders = topology.node.filter(({op}) => op.startsWith('Placeholder'));
    this.inputSet = named(declaredNodes(artifacts, 'inputs') ?? placeholders.map(({name}) => name));
    this.outputSet = named(declaredNodes(artifacts, 'outputs') ?? this.unusedNodes());
    this.pinned = namesUsedOutside(topology, artifacts);
    for (const name of [...this.outputSet, ...named([...this.pinned])]) this.nodes.keepAlive(name);
  }

  // ---- nodes ---------------------------------------------------------------

  /** All nodes, live or not, in the file's order. Safe while the graph is edited. */
  allNodes(): GraphNode[] {
    return this.nodes.all();
  }

  hasNode(name: string): boolean {
    return this.nodes.has(name);
  }

  /** @throws where there is no such node. */
  node(name: string): GraphNode {
    return this.nodes.get(name);
  }

  /** The value inputs of a node, in order, without control inputs. */
  inputs(node: GraphNode): TensorRef[] {
    return (node.input ?? []).map(parseRef).filter((ref) => !ref.control);
  }

  /** True where a declared output needs the node, or a library function or the initializer names it. */
  isLive(name: string): boolean {
    return this.nodes.isLive(name);
  }

  /** Every use of a node's outputs by live nodes, control inputs included; a node using it twice comes twice. */
  consumers(name: string): Consumer[] {
    return this.nodes.uses(name, (user) => this.nodes.isLive(user));
  }

  /** As `consumers`, dormant nodes included. */
  allConsumers(name: string): Consumer[] {
    return this.nodes.uses(name, () => true);
  }

  /** True where the node is a declared output of the model. */
  isOutput(name: string): boolean {
    return this.outputSet.has(name);
  }

  /** True where the node is a declared input of the model. */
  isInput(name: string): boolean {
    return this.inputSet.has(name);
  }

  /** True where a library function or the initializer uses the name: such nodes and weights must stay as they are. */
  isPinned(name: string): boolean {
    return this.pinned.has(name);
  }

  /** The nodes declared as outputs; without a signature all nodes that nothing consumed at first, as tfjs has it. */
  outputNames(): string[] {
    return [...this.outputSet];
  }

  /** The nodes declared as inputs; without a signature all placeholders, as tfjs has it. */
  inputNames(): string[] {
    return [...this.inputSet];
  }

  // ---- weights -------------------------------------------------------------

  /** The name of the constant behind a node: itself, or what a chain of Identity nodes passes on. */
  constantBehind(name: string): string | undefined {
    let current = name;
    while (!this.weights.has(current)) {
      const node = this.nodes.has(current) ? this.nodes.get(current) : undefined;
      const [ref] = node?.op === 'Identity' ? this.inputs(node) : [];
      if (ref === undefined) return undefined;
      current = ref.node;
    }
    return current;
  }

  hasWeight(name: string): boolean {
    return this.weights.has(name);
  }

  weightNames(): string[] {
    return this.weights.names();
  }

  weightShape(name: string): readonly number[] {
    return this.weights.spec(name).shape;
  }

  /** The manifest entry of a weight: shape, dtype, quantisation. */
  weightSpec(name: string): Readonly<io.WeightsManifestEntry> {
    return this.weights.spec(name);
  }

  /** Bytes of the weight as the artifacts have it. */
  weightBytes(name: string): number {
    return this.weights.encoded(name).length;
  }

  /** The data type the weight has once loaded, e.g. 'float32'. */
  weightType(name: string): io.WeightsManifestEntry['dtype'] {
    return this.weights.spec(name).dtype;
  }

  /** A fresh copy of a float32 weight's values in row-major order, dequantised as tfjs does it. */
  weightValues(name: string): Float32Array {
    return this.weights.floats(name);
  }

  /** As `weightValues` for an int32 weight. */
  intWeightValues(name: string): Int32Array {
    return this.weights.ints(name);
  }

  /** Gives an existing weight new values (kept without a copy); a quantised one becomes plain float32. */
  setWeight(name: string, values: Float32Array | Int32Array, shape: readonly number[]): void {
    if (!this.weights.has(name)) throw new Error(`There is no weight '${name}' in the model: use addWeight.`);
    this.weights.set(name, values, shape);
    const node = this.nodes.has(name) ? this.nodes.get(name) : undefined;
    if (node?.op === 'Const') this.nodes.replace({...node, attr: {...node.attr, ...constOf(values, shape)}});
  }

  /** Adds a Const node with its weight (kept without a copy). */
  addWeight(name: string, values: Float32Array | Int32Array, shape: readonly number[]): void {
    if (this.weights.has(name)) throw new Error(`There is a weight '${name}' already: use setWeight.`);
    this.nodes.add({name, op: 'Const', attr: constOf(values, shape)});
    this.weights.set(name, values, shape);
  }

  /** Sets a weight in the encoding of its manifest entry (kept without a copy), and adds it with a Const node if it is new. */
  setEncodedWeight(spec: io.WeightsManifestEntry, bytes: Uint8Array): void {
    const {name, shape, dtype} = spec;
    const attr = constAttributes(dtype === 'float32' ? 'DT_FLOAT' : 'DT_INT32', shape);
    if (!this.nodes.has(name)) this.nodes.add({name, op: 'Const', attr});
    this.weights.setEncoded(spec, bytes);
  }

  /** Puts a weight in the place of a computed node of the same name; it has no values but those that `spec` stands for. */
  replaceByWeight(spec: io.WeightsManifestEntry): void {
    const {name} = spec;
    this.weights.setEncoded(spec, new Uint8Array());
    this.nodes.replace({name, op: 'Const', attr: constAttributes('DT_FLOAT', this.weightShape(name))});
  }

  /** Removes a weight and, if there is one, its Const node, which nothing may use any more. */
  removeWeight(name: string): void {
    this.requireUnpinned(name);
    if (this.nodes.has(name)) this.removeNode(name);
    this.weights.remove(name);
  }

  /** Puts a computed node in the place of a weight of the same name, which ceases to be one. */
  replaceWeight(node: GraphNode): void {
    this.requireUnpinned(node.name);
    this.nodes.replace(node);
    this.weights.remove(node.name);
  }

  // ---- editing -------------------------------------------------------------

  /** A name that is free, made from `base`. */
  freeName(base: string): string {
    let name = base;
    for (let i = 1; this.nodes.has(name) || this.weights.has(name); i++) name = `${base}_${i}`;
    return name;
  }

  /** Adds a node; its inputs must exist. */
  addNode(node: GraphNode): void {
    this.nodes.add(node);
  }

  /** Puts another node in the place of the one of the same name; consumers keep pointing at it. */
  replaceNode(node: GraphNode): void {
    this.nodes.replace(node);
  }

  /** Removes a node that no other node and no declared output uses. */
  removeNode(name: string): void {
    this.requireNoOutput(name);
    this.nodes.remove(name);
  }

  /**
   * Gives a node another name and makes all its consumers, dormant ones
   * included, follow; a weight of that name is renamed with it.
   */
  renameNode(name: string, newName: string): void {
    this.requireNoOutput(name);
    this.requireUnpinned(name);
    this.nodes.add({...this.nodes.get(name), name: newName});
    if (this.weights.has(name)) this.weights.rename(name, newName);
    this.redirect(name, newName);
    this.nodes.remove(name);
  }

  /**
   * Makes the consumers of `from` use the same output of `to` instead.
   *
   * @param which the consumers to redirect; all, dormant ones included, by default.
   */
  redirect(from: string, to: string, which: (consumer: GraphNode) => boolean = () => true): void {
    for (const user of new Set(this.allConsumers(from).map(({node}) => node))) {
      if (which(user)) {
        this.nodes.replace({...user, input: user.input?.map((input) => renameRef(input, from, to))});
      }
    }
  }

  /** Standard artifacts of the graph as it is now; fields other than topology and weights are those given. */
  toArtifacts(): io.ModelArtifacts {
    const artifacts: io.ModelArtifacts = {
      ...this.artifacts,
      modelTopology: {...this.topology, node: this.nodes.all()},
      ...this.weights.encode(),
    };
    // A stream would hold the old weights.
    delete artifacts.getWeightStream;
    // Where no signature lists the outputs, tfjs takes every node without consumers for one. Dormant nodes must not
    // become outputs in this way.
    const undeclared = declaredNodes(artifacts, 'outputs') === undefined;
    if (undeclared && this.unusedNodes().some((name) => !this.outputSet.has(name))) {
      Object.assign(artifacts, declareOutputs(artifacts, this.outputNames()));
    }
    return artifacts;
  }

  private unusedNodes(): string[] {
    return this.nodes
      .all()
      .map(({name}) => name)
      .filter((name) => !this.nodes.isUsed(name));
  }

  private requireNoOutput(name: string): void {
    if (this.outputSet.has(name)) throw new Error(`Node '${name}' is an output of the model and must keep its name.`);
  }

  private requireUnpinned(name: string): void {
    if (this.pinned.has(name)) throw new Error(`'${name}' is used by a library function or the initializer.`);
  }
}

const constOf = (values: Float32Array | Int32Array, shape: readonly number[]): Attributes =>
  constAttributes(values instanceof Float32Array ? 'DT_FLOAT' : 'DT_INT32', shape);

/** The names that library functions and the initializer use: their weights live in the same map as the graph's. */
function namesUsedOutside(topology: Topology, artifacts: io.ModelArtifacts): Set<string> {
  const initializer = artifacts.modelInitializer as Partial<Topology> | undefined;
  const {library} = topology;
  const functions = library?.function ?? [];
  return new Set(
    [...(initializer?.node ?? []), ...functions.flatMap((definition) => definition.nodeDef ?? [])].map(
      ({name}) => name,
    ),
  );
}
