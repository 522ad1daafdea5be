import type {io} from '@tensorflow/tfjs-core';
import {constAttributes, stringAttr, typeAttr, type Attributes} from './attributes';
import type {GraphNode} from './graphTypes';
import type {LayerWeight} from './layersModel';
import {ModelGraph} from './modelGraph';

/** Where a layer's weight stands in the graph: input `slot` of a node. */
interface WeightUse {
  readonly node: string;
  readonly slot: number;
  readonly weight: LayerWeight;
}

/** Attribute of a node that has weights: its name in the sketch, which it keeps when it is renamed. */
const SKETCHED = '_sketched';

/** A graph model made of layers in order to be looked at and pruned: it states shapes and what happens to channels. */
export class GraphSketch {
  private readonly nodes: GraphNode[] = [];
  private readonly names = new Set<string>();
  private readonly weights = new Map<LayerWeight, string>();
  private readonly integers: Array<{name: string; values: Int32Array; shape: readonly number[]}> = [];
  private readonly weightUses: WeightUse[] = [];
  private readonly inputs: string[] = [];
  private readonly outputs: string[] = [];

  /**
   * Adds a node.
   *
   * @param inputs names of nodes, or weights
   * @returns its name: `base`, or one made from it where that is taken
   */
  node(base: string, op: string, inputs: ReadonlyArray<string | LayerWeight>, attr: Attributes = {}): string {
    const name = this.freeName(base);
    const input = inputs.map((source, slot) => {
      if (typeof source === 'string') return source;
      this.weightUses.push({node: name, slot, weight: source});
      return this.weight(source);
    });
    const mark = inputs.some((source) => typeof source !== 'string') && {[SKETCHED]: stringAttr(name)};
    this.nodes.push({name, op, input, attr: {...attr, ...mark}});
    return name;
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
  ): string[] {
    const name = this.node(base, op, inputs);
    return shapes.map((shape, i) =>
      this.node(`${name}/output`, 'PlaceholderWithDefault', [i ? `${name}:${i}` : name], shapeAttributes(shape)),
    );
  }

  output(name: string): void {
    this.outputs.push(name);
  }

  /** The graph with the weights that the layers have now. */
  async toArtifacts(): Promise<io.ModelArtifacts> {
    const weights = await Promise.all(
      [...this.weights].map(async ([weight, name]) => ({
        name,
        values: (await weight.read().data()) as Float32Array,
        shape: weight.shape,
        dtype: 'float32' as const,
      })),
    );
    const all = [...weights, ...this.integers.map((constant) => ({...constant, dtype: 'int32' as const}))];
    const bytes = await new Blob(all.map(({values}) => values as BlobPart)).arrayBuffer();
    const list = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {name}]));
    return {
      modelTopology: {node: this.nodes},
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
      const previous = old.weightValues(this.weights.get(weight)!);
      if (values.some((value, i) => !Object.is(value, previous[i]))) yield {weight, values};
    }
  }

  private weight(weight: LayerWeight): string {
    let name = this.weights.get(weight);
    if (name === undefined) {
      name = this.freeName(weight.originalName);
      this.nodes.push({name, op: 'Const', attr: constAttributes('DT_FLOAT', weight.shape as number[])});
      this.weights.set(weight, name);
    }
    return name;
  }

  private freeName(base: string): string {
    let name = base;
    for (let i = 1; this.names.has(name); i++) name = `${base}_${i}`;
    this.names.add(name);
    return name;
  }
}

const shapeAttributes = (shape: ReadonlyArray<number | null>): Attributes => ({
  dtype: typeAttr('DT_FLOAT'),
  shape: {shape: {dim: shape.map((size) => ({size: String(size ?? -1)}))}},
});
