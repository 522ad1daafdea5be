import type {io} from '@tensorflow/tfjs-core';
import type {RepairReport} from './calibrationOptions';
import {DenseNetwork} from './calibration/denseNetwork';
import {Progress} from './calibration/progress';
import {Samples} from './calibration/samples';
import {ScratchModel} from './calibration/scratchModel';
import {Stages} from './calibration/stages';
import {usableBatch} from './calibration/usableBatch';
import type {PruneResult} from './prune';
import type {PruneOptions} from './pruneOptions';
import {accuracyOf} from './pruneReport';

/** Measures on samples what was pruned without them. */
export async function measurePruned(
  artifacts: io.ModelArtifacts,
  {artifacts: pruned, report}: PruneResult,
  options: PruneOptions,
): Promise<PruneResult> {
  const progress = new Progress(options.onProgress, options.signal);
  progress.begin('measuring', 1);
  await progress.tell(0);
  const network = new DenseNetwork(artifacts);
  const {calibration, samples: most = Infinity, seed = 0, signal} = options;
  const samples = await Samples.read(calibration!, network.inputNames(), most, seed, signal);
  const dense = new ScratchModel(artifacts);
  try {
    const batchSize = await usableBatch(dense, network.graph, network.outputs, samples);
    const stager = new Stages(samples, batchSize, options, progress);
    const stages = [
      ...(await stager.measureDense(network.outputs, dense)),
      await stager.measureAlone('pruned', network, pruned, dense),
    ];
    const repair: RepairReport = {
      method: 'none',
      samplesFit: 0,
      samplesKeptOut: samples.keptOut.length,
      stages,
      distillationKept: null,
      layers: [],
      warnings: [],
      seconds: progress.seconds,
    };
    return {artifacts: pruned, report: {...report, accuracy: accuracyOf(report.lossless, repair), repair}};
  } finally {
    dense.dispose();
  }
}
