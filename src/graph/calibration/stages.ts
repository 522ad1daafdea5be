/** The stages of a repair: each is measured on samples kept out, and on as many of those that were fitted. */
import type {io} from '@tensorflow/tfjs-core';
import type {RepairStage} from '../calibrationOptions';
import {distill} from '../distill';
import {ModelGraph} from '../modelGraph';
import type {PruneOptions} from '../pruneOptions';
import type {DenseNetwork} from './denseNetwork';
import {measureQuality, type ComparedOutput} from './outputs';
import type {Progress} from './progress';
import {pickEvenly, type Samples} from './samples';
import {ScratchModel} from './scratchModel';
import type {SweepTask} from './sweep';

/** Share of the work, where all before it is 1. */
export const DISTILLING = 0.5;

export class Stages {
  constructor(
    private readonly samples: Samples,
    private readonly batchSize: number,
    private readonly options: PruneOptions,
    private readonly progress: Progress,
  ) {}

  /** Goes on by gradient descent under the masks. */
  async distill(ordered: DenseNetwork, pruned: io.ModelArtifacts, teacher: ScratchModel) {
    const {samples, options, progress} = this;
    const {seed = 0} = options;
    progress.begin('distilling', DISTILLING);
    return distill(ordered.artifacts, pruned, {
      samples: samples.fit.length,
      read: async (index) => {
        for await (const {feeds} of samples.batches([samples.fit[index]], 1)) return feeds;
        throw new Error(
          `Sample ${samples.fit[index]} is not there any more: 'calibration' must give the same each time.`,
        );
      },
      inner: ordered.comparedInside(),
      seed,
      signal: options.signal,
      // What it rejects with is the signal's reason, which `distill` ends with by itself.
      onStep: (done, _, steps) => void progress.tell(done / steps).catch(() => undefined),
      evaluate: async (artifacts) => (await this.meter(ordered, artifacts, teacher, samples.keptOut)).loss,
    });
  }

  private async meter(
    ordered: DenseNetwork,
    artifacts: io.ModelArtifacts,
    teacher: ScratchModel,
    which: readonly number[],
  ) {
    const model = new ScratchModel(artifacts);
    try {
      const networks = {dense: teacher, pruned: model};
      return await measureQuality(networks, ordered.outputs, this.samples, which, this.batchSize, this.options.labels);
    } finally {
      model.dispose();
    }
  }

  async measureAlone(
    name: RepairStage['name'],
    ordered: DenseNetwork,
    artifacts: io.ModelArtifacts,
    teacher: ScratchModel,
  ): Promise<RepairStage> {
    const model = new ScratchModel(artifacts);
    try {
      return await this.measureStage(name, ordered.outputs, {dense: teacher, pruned: model}, []);
    } finally {
      model.dispose();
    }
  }

  /** How right the dense network is, where there are labels to tell. */
  async measureDense(outputs: readonly ComparedOutput[], dense: ScratchModel): Promise<RepairStage[]> {
    if (!this.options.labels) return [];
    return [await this.measureStage('dense', outputs, {dense, pruned: dense}, [])];
  }

  /** @param warnings gets what is odd about the samples */
  async measureStage(
    name: RepairStage['name'],
    outputs: readonly ComparedOutput[],
    networks: {readonly dense: ScratchModel; readonly pruned: ScratchModel},
    warnings: string[],
  ): Promise<RepairStage> {
    const {samples, batchSize, options} = this;
    const measure = (which: readonly number[]) =>
      measureQuality(networks, outputs, samples, which, batchSize, options.labels);
    const keptOut = await measure(samples.keptOut);
    const fit = await measure(pickEvenly(samples.fit, samples.keptOut.length));
    warnings.push(...fit.oddities);
    return {name, keptOut: keptOut.quality, fit: fit.quality};
  }
}

/** The model with its blocks pruned and nothing repaired. */
export function maskedOnly(
  ordered: DenseNetwork,
  tasks: ReadonlyMap<string, SweepTask>,
  weights: ReadonlyMap<string, Float32Array>,
): io.ModelArtifacts {
  const graph = ModelGraph.from(ordered.artifacts);
  for (const {name, filter} of ordered.walk) {
    const fitted = weights.get(filter);
    if (!fitted || !tasks.has(name)) continue;
    const dense = graph.weightValues(filter);
    for (let i = 0; i < dense.length; i++) if (fitted[i] === 0) dense[i] = 0;
    graph.setWeight(filter, dense, graph.weightShape(filter));
  }
  return graph.toArtifacts();
}
