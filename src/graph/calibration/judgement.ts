/** What the measurements on samples mean. */
import type {MaxDrop, RepairStage} from '../calibrationOptions';
import type {PruneResult} from '../prune';
import {budgetOf, type PruneBudget, type PruneOptions} from '../pruneOptions';

/** More samples are the cure where those of the fit are matched and others are not. */
export function overfitting({keptOut, fit}: RepairStage): string[] {
  const percent = (share: number) => `${Math.round(share * 100)}%`;
  const cure = 'The fit does not carry over: more samples are the cure, or a lower sparsity.';
  if (keptOut.agreement !== null && fit.agreement !== null) {
    return fit.agreement - keptOut.agreement > 0.1
      ? [`Outputs agree on ${percent(fit.agreement)} of the samples fitted, but on ${percent(keptOut.agreement)} of those kept out. ${cure}`] // prettier-ignore
      : [];
  }
  return keptOut.relativeError > 2 * fit.relativeError + 1e-4
    ? [`The relative error is ${fit.relativeError.toPrecision(2)} on the samples fitted, but ${keptOut.relativeError.toPrecision(2)} on those kept out. ${cure}`] // prettier-ignore
    : [];
}

/** Whether a pruned model loses no more than is allowed, on samples kept out. */
export function isWithin(maxDrop: MaxDrop, {report}: PruneResult): boolean {
  const {keptOut} = report.repair!.stages.at(-1)!;
  if ('agreement' in maxDrop) return keptOut.agreement !== null && 1 - keptOut.agreement <= maxDrop.agreement;
  if ('relativeError' in maxDrop) return keptOut.relativeError <= maxDrop.relativeError;
  return keptOut.decibels >= maxDrop.decibels;
}

/** The options with a share of the sparsity. */
export function scaleSparsity(options: PruneOptions, share: number): PruneOptions {
  const {sparsity} = options;
  const budget = budgetOf(options);
  if (share === 1) return options;
  if (budget) return {...options, sparsity: {...(sparsity as PruneBudget), [budget.kind]: budget.share * share}};
  if (typeof sparsity === 'number') return {...options, sparsity: sparsity * share};
  throw new RangeError("Prune option 'maxDrop' needs a sparsity that is one number or a budget.");
}
