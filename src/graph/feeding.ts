/**
 * tfjs lets inner nodes be fed in the place of inputs: `model.execute({'inner':
 * tensor})`. A fused node does not read the nodes it has absorbed, so a run
 * that feeds an inner node goes through the graph as it was before fusion. And
 * where channels were rearranged, nothing reads the node of the old name: what
 * is fed to it goes, in the new order, to the node behind it.
 */
import type {GraphModel} from '@tensorflow/tfjs-converter';
import {dispose, gather, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import {invertOrder} from '../pruning';
import {readString} from './attributes';
import {unfusedNodes} from './cleanup';
import {parseRef, type GraphNode, type Signature, type Topology} from './graphTypes';
import {REARRANGED, RESTORES} from './rearrange';

interface Executor {
  weightMap: Record<string, Tensor[]>;
  execute(inputs: NamedTensorMap, outputs?: string[]): Tensor[];
  executeAsync(inputs: NamedTensorMap, outputs?: string[]): Promise<Tensor[]>;
}

/** What tfjs-converter's GraphModel keeps to itself. */
interface GraphModelInternals {
  executor: Executor;
  artifacts: {modelTopology: Topology};
  modelSignature?: Signature;
  inputs: Array<{name: string}>;
  loadWithWeightMap(artifacts: object, weightMap: object): boolean;
}

/** Makes a loaded model that was rewritten compute right where inner nodes are fed. */
export function feedRewritten(loaded: GraphModel): void {
  const model = loaded as unknown as GraphModelInternals;
  const written = model.artifacts.modelTopology.node;
  const nodes = unfusedNodes(written);
  const isFused = nodes.some((node, i) => node !== written[i]);
  const moved = rearrangedNodes(written);
  if (!isFused && moved.steps.size === 0) return;

  const {executor} = model;
  const execute = executor.execute.bind(executor);
  const executeAsync = executor.executeAsync.bind(executor);
  const isInput = inputTest(model);
  const feedsInner = (inputs: NamedTensorMap): boolean => !Object.keys(inputs).every(isInput);
  const plain: Executor = {weightMap: executor.weightMap, execute, executeAsync};
  let unfused: Executor | undefined;
  const whole = (): Executor => {
    if (!isFused) return plain;
    unfused ??= buildExecutor(model, nodes);
    // Weights may have been replaced since; the setter also notes which tensors a run must keep.
    unfused.weightMap = executor.weightMap;
    return unfused;
  };

  executor.execute = (inputs, outputs) => {
    if (!feedsInner(inputs)) return execute(inputs, outputs);
    const {fed, made} = rearrangeFed(executor, moved, inputs);
    try {
      return whole().execute(fed, outputs);
    } finally {
      dispose(made);
    }
  };
  executor.executeAsync = async (inputs, outputs) => {
    if (!feedsInner(inputs)) return executeAsync(inputs, outputs);
    const {fed, made} = rearrangeFed(executor, moved, inputs);
    try {
      return await whole().executeAsync(fed, outputs);
    } finally {
      dispose(made);
    }
  };
}

/** Where a tensor's channels are in a new order, by its old name. */
interface Rearranged {
  /** The tensor with one axis more in the new order, the constant that undoes that order, the one with the axis. */
  readonly steps: ReadonlyMap<string, readonly [source: string, inverse: string, axis: string]>;
  /** The new names of nodes with several outputs, some of which may be as they were. */
  readonly renamed: ReadonlyMap<string, string>;
}

function rearrangedNodes(nodes: readonly GraphNode[]): Rearranged {
  const steps = new Map<string, [string, string, string]>();
  const renamed = new Map<string, string>();
  for (const node of nodes) {
    const source = readString(node, REARRANGED);
    if (source === undefined) continue;
    if (node.op === 'GatherV2')
      steps.set(readString(node, RESTORES) ?? node.name, [source, node.input![1], node.input![2]]);
    else renamed.set(node.name, source);
  }
  return {steps, renamed};
}

/** The tensors to feed, and those of them that had to be made: the caller disposes of these. */
function rearrangeFed(
  {weightMap}: Executor,
  {steps, renamed}: Rearranged,
  inputs: NamedTensorMap,
): {fed: NamedTensorMap; made: Tensor[]} {
  const made: Tensor[] = [];
  const numbers = (constant: string) => weightMap[constant][0].dataSync<'int32'>();
  const fed = Object.fromEntries(
    Object.entries(inputs).map(([key, tensor]) => {
      const {node, output} = parseRef(key);
      const suffix = output > 0 ? `:${output}` : '';
      let step = steps.get(node + suffix);
      let name = renamed.has(node) ? renamed.get(node)! + suffix : key;
      for (; step; step = steps.get(name)) {
        tensor = gather(tensor, [...invertOrder(numbers(step[1]))], numbers(step[2])[0]);
        made.push(tensor);
        name = step[0];
      }
      return [name, tensor];
    }),
  );
  return {fed, made};
}

/** Tells a model's own inputs, by key of the signature or by node, from inner nodes. */
function inputTest({artifacts, inputs, modelSignature}: GraphModelInternals): (key: string) => boolean {
  const placeholders = artifacts.modelTopology.node.filter(({op}) => op.startsWith('Placeholder'));
  const nodes = new Set([...inputs, ...placeholders].map(({name}) => name));
  const keys = new Set(Object.keys(modelSignature?.inputs ?? {}));
  return (key) => keys.has(key) || nodes.has(parseRef(key).node);
}

/** An executor for other nodes on the model's weights: tfjs builds it on an object that inherits from the model. */
function buildExecutor(model: GraphModelInternals, nodes: GraphNode[]): Executor {
  const {artifacts} = model;
  const sibling = Object.create(model) as GraphModelInternals;
  sibling.loadWithWeightMap(
    {...artifacts, modelTopology: {...artifacts.modelTopology, node: nodes}, modelInitializer: undefined},
    {},
  );
  return sibling.executor;
}
