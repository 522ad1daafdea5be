import {GraphSketch} from './graphSketch';
import {translateLayer} from './layerOps';
import {passOn} from './layerRuns';
import {
  inferLayer,
  isLayersModel,
  layerPaths,
  type LayerCallLike,
  type PrunableLayer,
  type PrunableLayersModel,
  type SymbolicTensorLike,
} from './layersModel';

/** A layer with weights that pruning leaves as they are. */
export interface LayerLeftAlone {
  readonly name: string;
  readonly className: string;
  readonly reason: string;
}

/** The graph of a layers model. */
export interface LayersGraph {
  readonly sketch: GraphSketch;
  readonly leftAlone: readonly LayerLeftAlone[];
}

/** A model's tensors: those of a model within a model are others in each of its calls. */
interface Scope {
  readonly nodes: Map<SymbolicTensorLike, string>;
  /** Whether the model's layers are called elsewhere, too. */
  readonly shared: boolean;
  readonly outputs: readonly SymbolicTensorLike[];
}

/**
 * Sketches a layers model as a graph model. A convolution or dense layer gives a Conv2D or MatMul node of its name; one
 * within a model within the model has the names of both, 'encoder/conv2d_1'. Where channels must keep their order stands a
 * node of an unknown op: around layers that are called more than once, behind tensors that layers outside the model use,
 * and for every layer that `translateLayer` does not know.
 */
export function sketchLayersModel(model: PrunableLayersModel): LayersGraph {
  const sketch = new GraphSketch();
  const paths = layerPaths(model);
  const leftAlone = new Map<PrunableLayer, LayerLeftAlone>();
  const scopes: Scope[] = [];
  const seen = new Set<LayerCallLike>();

  const expand = ({inputs, outputs}: PrunableLayersModel, nodes: readonly string[], shared: boolean): string[] => {
    const scope = {nodes: new Map(inputs.map((tensor, i) => [tensor, nodes[i]])), shared, outputs};
    scopes.push(scope);
    return outputs.map((tensor) => visit(tensor, scope));
  };

  const visit = (tensor: SymbolicTensorLike, scope: Scope): string => {
    if (!scope.nodes.has(tensor)) {
      const call = tensor.sourceLayer.inboundNodes[tensor.nodeIndex];
      seen.add(call);
      const outputs = translate(tensor.sourceLayer, call, scope);
      call.outputTensors.forEach((output, i) => scope.nodes.set(output, outputs[i]));
    }
    return scope.nodes.get(tensor)!;
  };

  const translate = (layer: PrunableLayer, call: LayerCallLike, scope: Scope): string[] => {
    const inputs = call.inputTensors.map((input) => visit(input, scope));
    const calls = layer.inboundNodes.filter(({inboundLayers}) => inboundLayers.length > 0).length;
    const shared = scope.shared || calls > 1;
    if (isLayersModel(layer)) return expand(layer, inputs, shared);
    const name = paths.get(layer) ?? layer.name;
    const guarded = (nodes: readonly string[], tensors: readonly SymbolicTensorLike[]): string[] =>
      shared && layer.weights.length > 0
        ? nodes.flatMap((node, i) => sketch.opaque(`${name}/shared`, 'SharedLayer', [node], [tensors[i].shape], passOn))
        : [...nodes];
    const [inputShapes, outputShapes] = [call.inputTensors, call.outputTensors].map((list) =>
      list.map(({shape}) => shape),
    );
    const sources = guarded(inputs, call.inputTensors);
    const [first] = call.inputTensors;
    const takesAlone = first?.sourceLayer.outboundNodes.length === 1 && !scope.outputs.includes(first);
    const [outputShape] = outputShapes;
    const result = translateLayer({sketch, layer, name, inputs: sources, inputShapes, outputShape, takesAlone});
    if (typeof result === 'string') return guarded([result], call.outputTensors);
    const className = layer.getClassName();
    if (layer.weights.length > 0) leftAlone.set(layer, {name, className, ...result});
    return sketch.opaque(name, `${className}Layer`, sources, outputShapes, inferLayer(layer));
  };

  const placeholders = model.inputs.map(({sourceLayer, shape}) => sketch.input(sourceLayer.name, shape));
  for (const output of expand(model, placeholders, false)) sketch.output(output);
  for (const {nodes} of scopes) {
    for (const [tensor, node] of nodes) {
      const outside = tensor.sourceLayer.outboundNodes.filter((call) => !seen.has(call));
      if (outside.some(({inputTensors}) => inputTensors.includes(tensor))) {
        sketch.output(sketch.node(`${node}/outside`, 'LayerOutsideTheModel', [node], {}, passOn));
      }
    }
  }
  return {sketch, leftAlone: [...leftAlone.values()]};
}
