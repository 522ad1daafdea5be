import type {io} from '@tensorflow/tfjs-core';
import {ModelGraph, type GraphNode} from '../modelGraph';
import {listLayers, type Layer} from '../pruneLayers';
import {inferShapes, type ShapeMap} from '../shapes';
import {comparedOutputs, type ComparedOutput} from './outputs';
import {computedNodes} from './walk';
import {walkLayers, type WalkLayer} from './walkLayers';

/** A model's graph and what is known of it. */
export class DenseNetwork {
  readonly graph: ModelGraph;
  readonly shapes: ShapeMap;
  readonly layers: readonly Layer[];
  readonly order: readonly GraphNode[];
  readonly walk: readonly WalkLayer[];
  readonly outputs: readonly ComparedOutput[];

  constructor(readonly artifacts: io.ModelArtifacts) {
    this.graph = ModelGraph.from(artifacts);
    this.shapes = inferShapes(this.graph);
    this.layers = listLayers(this.graph, this.shapes);
    this.order = computedNodes(this.graph);
    this.walk = walkLayers(this.graph, this.shapes, this.order);
    this.outputs = comparedOutputs(this.graph);
  }

  /** Names of input nodes by themselves and by the names that the signature gives them. */
  inputNames(): Map<string, string> {
    const signature =
      (this.artifacts.signature as {inputs?: Record<string, {name?: string}>} | undefined)?.inputs ?? {};
    const names = new Map(this.graph.inputNames().map((name) => [name, name]));
    for (const [key, {name}] of Object.entries(signature)) {
      const node = name?.split(':')[0];
      if (node !== undefined && names.has(node)) names.set(key, node);
    }
    return names;
  }

  /** What is compared inside the network: tensors between its blocks; without blocks what its convolutions give. */
  comparedInside(): string[] {
    const between = this.innerTensors();
    if (between.length > 2) return between;
    return this.walk.filter(({isDepthwise}) => !isDepthwise).map(({name}) => name);
  }

  /** Tensors between blocks: without an activation, and read by more than a sum. */
  innerTensors(): string[] {
    const producers = new Set(this.walk.filter(({clip}) => !clip).map(({name}) => name));
    const isSum = ({op}: GraphNode) => op === 'Add' || op === 'AddV2';
    return this.order
      .filter((node) => producers.has(node.name) || isSum(node))
      .filter(({name}) => this.graph.consumers(name).some(({node}) => !isSum(node)))
      .map(({name}) => name);
  }
}
