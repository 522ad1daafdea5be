import type {io} from '@tensorflow/tfjs-core';
import {constAttributes, stringAttr, typeAttr, type Attributes} from './attributes';
import type {GraphNode} from './graphTypes';
import {LayerRuns, passOn, SKETCH_FORMAT, type NodeRun} from './layerRuns';
import type {LayerWeight} from './layersModel';
import {ModelGraph} from './modelGraph';

/** Where a layer's weight stands in the graph: input `slot` of a node. */
interface WeightUse {
  readonly node: string;
  readonly slot: number;
  readonly weight: LayerWeight;
}

/** A constant of the graph that is a layer's weight, or the negative of one. */
interface SketchedWeight {
  readonly name: string;
  readonly sign: 1 | -1;
}

/** Attribute of a node that has weights: its name in the sketch, which it keeps when it is renamed. */
const SKETCHED = '_sketched';

/**
 * A graph model made of layers in order to be looked at and pruned: it states shapes and what happens to channels. Between
 * `open` and what that gives it runs, too.
 */
export class GraphSketch {
  private nodes: GraphNode[] = [];
  private readonly names = new Set<string>();
  private readonly weights = new Map<LayerWeight, SketchedWeight>();
  private readonly integers: Array<{name: string; values: Int32Array; shape: readonly number[]}> = [];
  private readonly weightUses: WeightUse[] = [];
  private readonly inputs: string[] = [];
  private readonly outputs: string[] = [];
  private readonly runs = new LayerRuns();

  /**
   * Adds a node.
   *
   * @param inputs names of nodes, or weights
   * @param run what it computes where that is not just what its op says
   * @returns its name: `base`, or one made from it where that is taken
   */
  node(
    base: string,
    op: string,
    inputs: ReadonlyArray<string | LayerWeight>,
    attr: Attributes = {},
    run?: NodeRun,
  ): string {
    const name = this.freeName(base);
    const input = inputs.map((source, slot) => {
      if (typeof source === 'string') return source;
      this.weightUses.push({node: name, slot, weight: source});
      return this.weight(source);
    });
    const mark = inputs.some((source) => typeof source !== 'string') && {[SKETCHED]: stringAttr(name)};
    this.nodes.push({name, op, input, attr: {...attr, ...mark, ...(run && this.runs.attributes(run))}});
    return name;
  }

  /** The op of a node that no other node uses. */
  opOfUnused(name: string): string | undefined {
    const used = this.nodes.some(({input}) => input?.includes(name));
    return used ? undefined : this.nodes.find((node) => node.name === name)?.op;
  }

  /** Makes a node another op that takes the negative of a weight as one more input. */
  subtract(name: string, op: string, weight: LayerWeight, attr: Attributes): void {
    const constant = this.weight(weight, -1);
    this.nodes = this.nodes.map((node) => {
      if (node.name !== name) return node;
      this.weightUses.push({node: name, slot: node.input!.length, weight});
      return {...node, op, input: [...node.input!, constant], attr: {...node.attr, ...attr}};
    });
  }

  /** Lets models of `toArtifacts`, and what is made of them, run until the function given is called. */
  open(): () => void {
    return this.runs.open();
  }

  /** Adds an input of the model. */
  input(base: string, shape: ReadonlyArray<number | null>): string {
    const name = this.node(base, 'Placeholder', [], shapeAttributes(shape));
    this.inputs.push(name);
    return name;
  }

  /** Adds a constant of integers. */
  constant(base: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    const name = this.freeName(base);
    this.nodes.push({name, op: 'Const', attr: constAttributes('DT_INT32', shape)});
    this.integers.push({name, values: Int32Array.from(values), shape});
    return name;
  }

  /** Adds a node that nothing is known of but the shapes of its outputs; gives a name for each of these. */
  opaque(
    base: string,
    op: string,
    inputs: readonly string[],
    shapes: ReadonlyArray<ReadonlyArray<number | null>>,
    run: NodeRun,
  ): string[] {
    const name = this.node(base, op, inputs, {}, run);
    return shapes.map((shape, i) =>
      this.node(
        `${name}/output`,
        'PlaceholderWithDefault',
        [i ? `${name}:${i}` : name],
        shapeAttributes(shape),
        passOn,
      ),
    );
  }

  output(name: string): void {
    this.outputs.push(name);
  }

  /** The graph with the weights that the layers have now. */
  async toArtifacts(): Promise<io.ModelArtifacts> {
    const weights = await Promise.all(
      [...this.weights].map(async ([weight, {name, sign}]) => ({
        name,
        values: signed((await weight.read().data()) as Float32Array, sign),
        shape: weight.shape,
        dtype: 'float32' as const,
      })),
    );
    const all = [...weights, ...this.integers.map((constant) => ({...constant, dtype: 'int32' as const}))];
    const bytes = await new Blob(all.map(({values}) => values as BlobPart)).arrayBuffer();
    const list = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {name}]));
    return {
      format: SKETCH_FORMAT,
      modelTopology: {node: this.nodes, versions: {producer: 0, minConsumer: 0}},
      signature: {inputs: list(this.inputs), outputs: list(this.outputs)},
      weightSpecs: all.map(({name, shape, dtype}) => ({name, shape: shape as number[], dtype})),
      weightData: bytes,
    };
  }

  /** The weights of layers that have other values in `after`, which was made from the artifacts `before` of the sketch. */
  *changedWeights(
    before: io.ModelArtifacts,
    after: io.ModelArtifacts,
  ): Generator<{weight: LayerWeight; values: Float32Array}> {
    const [old, graph] = [ModelGraph.from(before), ModelGraph.from(after)];
    const byMark = new Map(graph.allNodes().map((node) => [node.attr?.[SKETCHED]?.s, node]));
    for (const {node, slot, weight} of this.weightUses) {
      const now = byMark.get(stringAttr(node).s)!;
      const values = graph.weightValues(graph.constantBehind(graph.inputs(now)[slot].node)!);
      const {name, sign} = this.weights.get(weight)!;
      const previous = old.weightValues(name);
      if (values.some((value, i) => !Object.is(value, previous[i]))) yield {weight, values: signed(values, sign)};
    }
  }

  /** @param sign of a weight that stands here for the first time */
  private weight(weight: LayerWeight, sign: 1 | -1 = 1): string {
    const known = this.weights.get(weight);
    if (known) return known.name;
    const name = this.freeName(weight.originalName);
    this.nodes.push({name, op: 'Const', attr: constAttributes('DT_FLOAT', weight.shape as number[])});
    this.weights.set(weight, {name, sign});
    return name;
  }

  private freeName(base: string): string {
    let name = base;
    for (let i = 1; this.names.has(name); i++) name = `${base}_${i}`;
    this.names.add(name);
    return name;
  }
}

const signed = (values: Float32Array, sign: 1 | -1): Float32Array =>
  sign === 1 ? values : values.map((value) => -value);

const shapeAttributes = (shape: ReadonlyArray<number | null>): Attributes => ({
  dtype: typeAttr('DT_FLOAT'),
  shape: {shape: {dim: shape.map((size) => ({size: String(size ?? -1)}))}},
});
