/**
 * tfjs lets inner nodes be fed in the place of inputs: `model.execute({'inner':
 * tensor})`. A fused node does not read the nodes it has absorbed, so a run
 * that feeds an inner node goes through the graph as it was before fusion.
 */
import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';
import {unfusedNodes} from './cleanup';
import {parseRef, type GraphNode, type Signature, type Topology} from './graphTypes';

interface Executor {
  weightMap: object;
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

/** Makes a loaded model that the clean-up rewrote compute right where inner nodes are fed. */
export function feedUnfused(loaded: GraphModel): void {
  const model = loaded as unknown as GraphModelInternals;
  const fused = model.artifacts.modelTopology.node;
  const nodes = unfusedNodes(fused);
  if (nodes.every((node, i) => node === fused[i])) return;

  const {executor} = model;
  const execute = executor.execute.bind(executor);
  const executeAsync = executor.executeAsync.bind(executor);
  const isInput = inputTest(model);
  const feedsInner = (inputs: NamedTensorMap): boolean => !Object.keys(inputs).every(isInput);
  let unfused: Executor | undefined;
  const whole = (): Executor => (unfused ??= buildExecutor(model, nodes));

  executor.execute = (inputs, outputs) =>
    feedsInner(inputs) ? whole().execute(inputs, outputs) : execute(inputs, outputs);
  executor.executeAsync = (inputs, outputs) =>
    feedsInner(inputs) ? whole().executeAsync(inputs, outputs) : executeAsync(inputs, outputs);
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
  sibling.executor.weightMap = model.executor.weightMap;
  return sibling.executor;
}
