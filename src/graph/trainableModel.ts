/** A graph model whose weights can be trained: gradients of a loss with regard to them, and artifacts with new values. */
import {GraphModel} from '@tensorflow/tfjs-converter';
import {engine, io, keep, scalar, sum, tensor, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import type {Executor} from './executor';
import {registerGradients, taped} from './kernelGradients';
import {asRun} from './layerRuns';
import {ModelGraph, type GraphNode} from './modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS, MATMUL_OPS} from './opFamilies';
import {topologicalOrder} from './topologicalOrder';
import {registerTrainableConv, trainableNode} from './trainableConv';

/** A weight in training. */
export interface TrainableWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** As they are now; to be changed through `TrainableModel.update` alone. */
  readonly values: Float32Array;
  /** What is zero stays zero: a filter of a convolution or a MatMul. */
  readonly masked: boolean;
}

/** What tfjs-converter's GraphModel keeps to itself. */
interface Internals {
  readonly executor: Executor;
  loadWithWeightMap(artifacts: io.ModelArtifacts, weights: NamedTensorMap): boolean;
}

/** A model as it is, past the load hook: nobody prunes it or cleans it up. */
function load(
  {weightData, weightSpecs, ...artifacts}: io.ModelArtifacts,
  trained: readonly TrainableWeight[],
): GraphModel {
  const weights = io.decodeWeights(weightData!, weightSpecs!);
  for (const {name, values, shape} of trained) {
    weights[name].dispose();
    weights[name] = tensor(values.slice(), [...shape]);
  }
  const model = new GraphModel('');
  (model as unknown as Internals).loadWithWeightMap(asRun(artifacts), weights);
  return model;
}

/** A model that is run for some of its nodes. */
export class PlainModel {
  protected readonly model: GraphModel;

  constructor(
    artifacts: io.ModelArtifacts,
    protected readonly fetched: readonly string[],
    trained: readonly TrainableWeight[] = [],
  ) {
    this.model = load(artifacts, trained);
  }

  /** The fetched nodes' values, in new tensors. */
  run(inputs: NamedTensorMap): Tensor[] {
    return [this.model.execute(inputs, [...this.fetched])].flat();
  }

  dispose(): void {
    this.model.dispose();
  }
}

export class TrainableModel extends PlainModel {
  /**
   * @param fetched the nodes that losses are made of: float32 filters and biases that these hang on are trained
   * @throws Error where there is none
   */
  static from(artifacts: io.ModelArtifacts, fetched: readonly string[]): TrainableModel {
    registerGradients();
    registerTrainableConv();
    const [graph, written] = [ModelGraph.from(artifacts), ModelGraph.from(artifacts)];
    const nodes = upstream(graph, fetched);
    const layers = nodes.filter(({op}) => isFiltered(op) || DEPTHWISE_OPS.has(op));
    const masked = new Map<string, boolean>();
    for (const node of layers) {
      const constants = graph
        .inputs(node)
        .slice(1)
        .map((ref) => graph.constantBehind(ref.node));
      constants.forEach((name, i) => {
        if (name === undefined || graph.weightType(name) !== 'float32') return;
        masked.set(name, (i === 0 && isFiltered(node.op)) || (masked.get(name) ?? false));
      });
    }
    if (masked.size === 0) {
      throw new Error(
        `Nothing to train: no convolution or MatMul with constant float32 weights leads to '${fetched[0]}'.`,
      );
    }
    // What hangs on a weight in training.
    const trained = new Set<string>(masked.keys());
    for (const node of nodes) {
      const inputs = graph.inputs(node).map((ref) => ref.node);
      if (layers.includes(node)) written.replaceNode(trainableNode(graph, node, !trained.has(inputs[0])));
      if (inputs.some((name) => trained.has(name))) trained.add(node.name);
    }
    const weights = [...masked].map(([name, isMasked]) => ({
      name,
      shape: graph.weightShape(name),
      values: graph.weightValues(name),
      masked: isMasked,
    }));
    return new TrainableModel(artifacts, written.toArtifacts(), fetched, weights);
  }

  /** Whether a batch may have any size. */
  get takesBatches(): boolean {
    return this.model.inputs.every(({shape}) => !shape || !(shape[0] > 0));
  }

  private constructor(
    private readonly artifacts: io.ModelArtifacts,
    written: io.ModelArtifacts,
    fetched: readonly string[],
    readonly weights: readonly TrainableWeight[],
  ) {
    super(written, fetched, weights);
  }

  /**
   * The gradients of a loss with regard to `weights`, in their order.
   *
   * @param lossOf makes a scalar of the fetched nodes' values
   * @throws Error that names the node whose op has no gradient
   */
  gradients(inputs: NamedTensorMap, lossOf: (outputs: Tensor[]) => Tensor): {loss: number; gradients: Float32Array[]} {
    const {weightMap} = this.executor;
    const tensors = this.weights.map(({name}) => weightMap[name][0]);
    try {
      let loss = NaN;
      let gradients: Float32Array[] = [];
      // tidy would look for tensors in each value of an array that it is given.
      taped(() => {
        const {value, grads} = engine().gradients(() => lossOf(this.run(inputs)), tensors, undefined, true);
        gradients = (grads as (Tensor | undefined)[]).map((gradient, i) =>
          gradient ? gradient.dataSync<'float32'>() : new Float32Array(this.weights[i].values.length),
        );
        [loss] = value.dataSync<'float32'>();
      });
      return {loss, gradients};
    } catch (error) {
      throw this.explained(error, inputs, tensors);
    }
  }

  /** Gives the weights new values, of which it keeps copies. */
  update(values: readonly Float32Array[]): void {
    const weightMap = {...this.executor.weightMap};
    this.weights.forEach((weight, i) => {
      weight.values.set(values[i]);
      weightMap[weight.name][0].dispose();
      // Uploaded, not assigned to a variable: our backend packs what comes from JavaScript.
      weightMap[weight.name] = [keep(tensor(values[i].slice(), [...weight.shape]))];
    });
    this.executor.weightMap = weightMap;
  }

  /** The model with the weights as they are now. */
  toArtifacts(): io.ModelArtifacts {
    const graph = ModelGraph.from(this.artifacts);
    for (const {name, values, shape} of this.weights) graph.setWeight(name, values.slice(), shape);
    return graph.toArtifacts();
  }

  private get executor(): Executor {
    return (this.model as unknown as Internals).executor;
  }

  /** tfjs names a kernel where there is no gradient: finds the node that has run it. */
  private explained(error: unknown, inputs: NamedTensorMap, weights: Tensor[]): unknown {
    const message = error instanceof Error ? error.message : String(error);
    if (!/gradient function not found|dilation rates greater than 1|Cannot find registered kernel/.test(message))
      return error;
    const graph = ModelGraph.from(this.artifacts);
    for (const {name, op} of upstream(graph, this.fetched)) {
      if (graph.hasWeight(name) || op.startsWith('Placeholder')) continue;
      try {
        taped(
          () => engine().gradients(() => sumOf(this.model.execute(inputs, name)), weights, undefined, true).value.id,
        );
      } catch {
        return new Error(
          `Node '${name}' (${op}) has no gradient, so the weights before it cannot be trained: ${message} ` +
            'Register one by tf.registerGradient, or repair by least squares.',
        );
      }
    }
    return error;
  }
}

const isFiltered = (op: string): boolean => CONVOLUTION_OPS.has(op) || MATMUL_OPS.has(op);

function sumOf(output: Tensor | Tensor[]): Tensor {
  const [tensor] = [output].flat();
  return tensor.dtype === 'float32' ? sum(tensor) : scalar(0);
}

/** All nodes that some nodes hang on, these included, in an order in which they can be computed. */
function upstream(graph: ModelGraph, names: readonly string[]): GraphNode[] {
  const found = new Set<string>();
  const left = [...names];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    left.push(...graph.inputs(graph.node(name)).map((ref) => ref.node));
  }
  return topologicalOrder(graph).filter(({name}) => found.has(name));
}
