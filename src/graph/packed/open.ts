/** Reading packed models. */
import {registerOp, type GraphModel} from '@tensorflow/tfjs-converter';
import {tensor, type io, type Tensor} from '@tensorflow/tfjs-core';
import {signWords, type PackedWeight} from '../../packed';
import {readNumber} from '../attributes';
import {ModelGraph, type GraphNode} from '../modelGraph';
import {WeightStore} from '../weights';
import {checkTopology, checkWeight, PACKED_OP, packedWeight, readLayout, SEAL, type SealedTopology} from './format';
import {packedOf, packedSpec} from './weight';

/** Whether some of the weights are packed, on disk or in hand. */
export function isPacked({modelTopology, weightSpecs}: io.ModelArtifacts): boolean {
  const topology = modelTopology as SealedTopology | undefined;
  return (
    (Array.isArray(topology?.node) && (SEAL in topology || topology.node.some((node) => node?.op === PACKED_OP))) ||
    (weightSpecs ?? []).some(packedOf)
  );
}

/**
 * Artifacts whose packed filters are constants again, which are unpacked when somebody asks for their values. All checks
 * are done here.
 *
 * @throws Error naming the node or weight that is damaged.
 */
export function openPacked(artifacts: io.ModelArtifacts): io.ModelArtifacts {
  const {[SEAL]: sums, ...topology} = artifacts.modelTopology as SealedTopology;
  if (!sums && (artifacts.weightSpecs ?? []).some(packedOf)) return artifacts;
  checkTopology(artifacts);
  const store = new WeightStore(artifacts.weightSpecs, artifacts.weightData);
  store.names().forEach((name, i) => checkWeight(artifacts, i, name, store.encoded(name)));
  const graph = ModelGraph.from({...artifacts, modelTopology: topology});
  for (const node of graph.allNodes().filter(({op}) => op === PACKED_OP)) {
    const parts = graph.inputs(node).map((ref) => ref.node);
    try {
      graph.replaceByWeight(packedSpec(node.name, readWeight(store, node, parts)));
      for (const part of parts) graph.removeWeight(part);
    } catch (error) {
      throw new Error(`The packed filter '${node.name}' cannot be read: ${(error as Error).message}`);
    }
  }
  return graph.toArtifacts();
}

/** Keeps the store alone: the graph around it can be forgotten. */
function readWeight(store: WeightStore, node: GraphNode, [kept, values, signs]: readonly string[]): PackedWeight {
  const layout = readLayout((name) => readNumber(node, name));
  const {dtype, quantization} = store.spec(kept);
  if (dtype !== 'int32' || quantization?.dtype !== 'uint8') throw new Error(`'${kept}' is no list of bytes`);
  return packedWeight({
    layout,
    kept: store.encoded(kept),
    size: store.spec(values).shape[0],
    values: () => store.floats(values),
    ...(signs !== undefined && {signs: {size: store.spec(signs).shape[0], values: () => store.ints(signs)}}),
  });
}

/**
 * An ordinary graph model of a packed one: its filters as they were, bit for bit unless they were stored as float16. Other
 * artifacts are given back as they are.
 *
 * @throws Error naming the node or weight that is damaged.
 */
export function unpackArtifacts(artifacts: io.ModelArtifacts): io.ModelArtifacts {
  if (!isPacked(artifacts)) return artifacts;
  const opened = openPacked(artifacts);
  const graph = ModelGraph.from(opened);
  for (const spec of opened.weightSpecs ?? []) {
    const weight = packedOf(spec);
    if (weight) graph.setWeight(spec.name, weight.values(), weight.shape);
  }
  return graph.toArtifacts();
}

/** What GraphModel keeps to itself. */
interface GraphModelInternals {
  artifacts: io.ModelArtifacts;
  readonly executor: {weightMap: Record<string, Tensor[]>};
}

/** Gives a model that was loaded from what `openPacked` made the tensors of its packed weights. */
export function placePackedWeights(model: GraphModel, makeTensor: (weight: PackedWeight) => Tensor): void {
  const internals = model as unknown as GraphModelInternals;
  const {executor} = internals;
  const {weightMap} = executor;
  for (const spec of internals.artifacts.weightSpecs ?? []) {
    const weight = packedOf(spec);
    if (!weight) continue;
    weightMap[spec.name][0].dispose();
    weightMap[spec.name] = [makeTensor(weight)];
  }
  executor.weightMap = weightMap; // it notes which tensors are not to be disposed of after an inference
  const {save} = model;
  model.save = (...args) => {
    internals.artifacts = unpackArtifacts(internals.artifacts);
    return save.apply(model, args);
  };
}

/** For models that did not come by the load hook. */
export function registerPackedOp(): void {
  registerOp(PACKED_OP, ({inputs, attrs}) => {
    const [kept, values, signs] = inputs.map((input) => input.dataSync());
    const layout = readLayout((name) => attrs[name]);
    const weight = packedWeight({
      layout,
      kept: Uint8Array.from(kept),
      size: values.length,
      values: () => values as Float32Array,
      ...(signs && {signs: {size: signWords(layout), values: () => signs as Int32Array}}),
    });
    return tensor(weight.values(), [...weight.shape], 'float32');
  });
}
