import {registerOp} from '@tensorflow/tfjs-converter';
import {
  add,
  clone,
  customGrad,
  dispose,
  grad,
  mul,
  square,
  sum,
  tensor,
  tidy,
  type io,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import {randomNumbers, type Clip} from '../../pruning';
import {intAttr} from '../attributes';
import {registerGradients, taped, throughActivation} from '../kernelGradients';
import {ModelGraph} from '../modelGraph';
import {comparedOutputs} from './outputs';
import type {Samples} from './samples';
import {ScratchModel} from './scratchModel';

/** The custom op that sees the gradient of what goes through it. */
const PROBE_OP = 'BlockSparseProbe';
/** Weight of the inner tensors beside the outputs. */
const PROBE_WEIGHT = 5;

type Listener = (output: Tensor, gradient: Tensor) => void;
let listeners: readonly Listener[] = [];

type GradSaver = (tensors: Tensor[]) => void;

function registerProbe(): void {
  registerOp(PROBE_OP, ({inputs, attrs}) => {
    const listener = listeners[attrs.layer as number];
    const probe = customGrad((x: Tensor | GradSaver, save?: Tensor | GradSaver) => {
      (save as GradSaver)([x as Tensor]);
      const gradFunc = (dy: Tensor, [saved]: Tensor[]) => {
        listener(saved, dy);
        return clone(dy);
      };
      return {value: clone(x as Tensor), gradFunc: gradFunc as (dy: Tensor, saved: Tensor[]) => Tensor};
    });
    return probe(inputs[0]);
  });
}

/** A layer whose outputs' importance is asked for. */
export interface ProbedLayer {
  readonly name: string;
  /** That of a ReLU or a ReLU6. */
  readonly clip: Clip;
  readonly filters: number;
}

/**
 * How much a network's outputs depend on each output channel of its layers, before the activation: the mean over samples of
 * the sum over positions of the squared gradient. The loss is the cross-entropy with a class drawn from the network's own
 * softmax, which makes this the diagonal of the Gauss-Newton matrix of the Kullback-Leibler divergence; other outputs and
 * the tensors between blocks have signs drawn at random instead, in units of their deviation.
 *
 * @param inner tensors between blocks, by node name
 * @param withOutputs without, tensors between blocks alone make the loss: for outputs behind ops that have no gradient
 * @returns `[filters]` for each layer
 * @throws Error where tfjs has no gradient for one of the kernels, naming it
 */
export async function outputImportance(
  artifacts: io.ModelArtifacts,
  layers: readonly ProbedLayer[],
  inner: readonly string[],
  samples: Samples,
  which: readonly number[],
  batchSize: number,
  seed: number,
  onBatch: () => Promise<void>,
  withOutputs = true,
): Promise<Float64Array[]> {
  const graph = ModelGraph.from(artifacts);
  const probes = layers.map(({name}, i) => {
    const probe = graph.freeName(`${name}/probe`);
    graph.addNode({name: probe, op: PROBE_OP, input: [name], attr: {layer: intAttr(i)}});
    graph.redirect(name, probe, (consumer) => consumer.name !== probe);
    return [name, probe] as const;
  });
  const behind = new Map<string, string>(probes);
  const probed = (name: string) => behind.get(name) ?? name;
  const outputs = (withOutputs ? comparedOutputs(graph) : []).map(({name, logits}) => ({
    name: probed(logits ?? name),
    isLogits: logits !== null,
  }));
  const others = inner.map(probed).filter((name) => !outputs.some((output) => output.name === name));
  const fetches = [...outputs.map(({name}) => name), ...others];

  const importance = layers.map(({filters}) => new Float64Array(filters));
  registerProbe();
  registerGradients();
  const model = new ScratchModel(graph.toArtifacts());
  const random = randomNumbers(seed);
  try {
    if (model.hasControlFlow) throw new Error('a model with control flow has no gradient');
    listeners = layers.map(({clip}, i) => (output, gradient) => {
      const sums = tidy(() => {
        const before = clip ? throughActivation(clip.high < Infinity ? 'relu6' : 'relu', gradient, output) : gradient;
        return sum(square(before), [...before.shape.keys()].slice(0, -1));
      });
      const values = sums.dataSync();
      sums.dispose();
      for (let c = 0; c < values.length; c++) importance[i][c] += values[c] / which.length;
    });
    for await (const {feeds} of samples.batches(which, batchSize)) {
      const [first] = Object.keys(feeds);
      const loss = (x: Tensor): Scalar => {
        const tensors = model.runNow({...feeds, [first]: x}, fetches);
        return tensors
          .map((value, i) => {
            const share = i < outputs.length ? 1 : PROBE_WEIGHT / others.length;
            return sum(mul(value, outputs[i]?.isLogits ? drawClasses(value, random) : noise(value, share, random)));
          })
          .reduce((total, part) => add(total, part)) as Scalar;
      };
      try {
        taped(() => void grad(loss)(feeds[first]));
      } finally {
        dispose(feeds);
      }
      await onBatch();
    }
    return importance;
  } finally {
    listeners = [];
    model.dispose();
  }
}

/** The gradient of the cross-entropy with classes drawn from the softmax of `[batch, ..., classes]`. */
function drawClasses(logits: Tensor, random: () => number): Tensor {
  const values = logits.dataSync();
  const classes = logits.shape.at(-1)!;
  const gradient = new Float32Array(values.length);
  for (let from = 0; from < values.length; from += classes) {
    let most = -Infinity;
    for (let k = 0; k < classes; k++) most = Math.max(most, values[from + k]);
    let total = 0;
    for (let k = 0; k < classes; k++) total += gradient[from + k] = Math.exp(values[from + k] - most);
    let left = random() * total;
    let drawn = 0;
    while (drawn < classes - 1 && (left -= gradient[from + drawn]) > 0) drawn++;
    for (let k = 0; k < classes; k++) gradient[from + k] /= total;
    gradient[from + drawn] -= 1;
  }
  return tensor(gradient, logits.shape);
}

/** Signs at random whose product with a tensor has the given variance in units of the tensor's. */
function noise(value: Tensor, weight: number, random: () => number): Tensor {
  const values = value.dataSync();
  let [total, squares] = [0, 0];
  for (let k = 0; k < values.length; k++) {
    total += values[k];
    squares += values[k] * values[k];
  }
  const variance = Math.max(squares / values.length - (total / values.length) ** 2, 1e-12);
  const perSample = values.length / value.shape[0];
  const scale = Math.sqrt(weight / perSample / variance);
  const signs = new Float32Array(values.length);
  for (let k = 0, bits = 0; k < signs.length; k++, bits >>>= 1) {
    if (k % 24 === 0) bits = random() * 2 ** 24;
    signs[k] = bits & 1 ? scale : -scale;
  }
  return tensor(signs, value.shape);
}
