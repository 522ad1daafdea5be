import type {GraphModel} from '@tensorflow/tfjs-converter';
import {keep, tensor, type io, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import type {Executor} from '../executor';
import {asRun} from '../layerRuns';
import {loadAsIs} from '../loadHook';

/** Ops that `execute` cannot run. */
const ASYNCHRONOUS =
  /^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|While|If|StatelessWhile|StatelessIf|NonMaxSupp|Where|TensorArray|TensorList)/;

/** A model to compute with whose inner tensors can be fed and whose weights change. */
export class ScratchModel {
  private readonly model: GraphModel;
  private readonly executor: Executor;
  private readonly isAsynchronous: boolean;

  constructor(artifacts: io.ModelArtifacts) {
    this.model = loadAsIs(asRun(artifacts));
    this.executor = (this.model as unknown as {executor: Executor}).executor;
    this.isAsynchronous = Object.values(this.executor.graph.nodes).some((node) => ASYNCHRONOUS.test(node!.op));
  }

  /** True where no gradient can be taken, as the model runs node by node. */
  get hasControlFlow(): boolean {
    return this.isAsynchronous;
  }

  /**
   * Computes tensors from others. The caller disposes of the results; what is fed and fetched at once comes as a clone.
   *
   * @param feeds first outputs of nodes, by node name
   * @param fetches tensors as inputs of nodes name them
   */
  async run(feeds: NamedTensorMap, fetches: readonly string[]): Promise<NamedTensorMap> {
    const wanted = [...new Set(fetches)];
    const missing = wanted.filter((name) => !(name in feeds));
    const results: NamedTensorMap = {};
    for (const name of wanted) if (name in feeds) results[name] = feeds[name].clone();
    if (missing.length === 0) return results;
    const tensors = this.isAsynchronous
      ? await this.model.executeAsync(feeds, missing)
      : this.model.execute(feeds, missing);
    const list = Array.isArray(tensors) ? tensors : [tensors];
    missing.forEach((name, i) => (results[name] = list[i]));
    return results;
  }

  /** As `run`, within a gradient or a tidy. */
  runNow(feeds: NamedTensorMap, fetches: readonly string[]): Tensor[] {
    const tensors = this.model.execute(feeds, [...fetches]);
    return Array.isArray(tensors) ? tensors : [tensors];
  }

  setWeight(name: string, values: Float32Array, shape: readonly number[]): void {
    const fresh = keep(tensor(values, [...shape], 'float32'));
    const map = this.executor.weightMap as Record<string, Tensor[]>;
    const [old] = map[name];
    map[name] = [fresh];
    old.dispose();
  }

  dispose(): void {
    this.model.dispose();
  }
}
