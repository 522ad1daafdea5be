/** What was measured on samples, for people. */
import type {OutputQuality, RepairReport} from '../index';
import {formatTable, percent} from './tables';

const known = (value: number | null, show: (value: number) => string): string => (value === null ? '' : show(value));

const COLUMNS: ReadonlyArray<readonly [title: string, cell: (quality: OutputQuality) => string]> = [
  ['agreement', ({agreement}) => known(agreement, (value) => percent(value, 1))],
  ['KL', ({kl}) => known(kl, (value) => value.toPrecision(3))],
  ['relative error', ({relativeError}) => relativeError.toPrecision(3)],
  ['dB', ({decibels}) => (decibels === Infinity ? '∞' : decibels.toFixed(1))],
  ['accuracy', ({accuracy}) => known(accuracy, (value) => percent(value, 1))],
];

/** A row a stage and set of samples, and what was done, in words. What models of this kind do not have has no column. */
export function describeRepair(report: RepairReport): string {
  const {stages, samplesFit, samplesKeptOut, distillationKept, seconds} = report;
  const qualities = stages.flatMap(({name, keptOut, fit}) => [
    {stage: name, samples: 'kept out', quality: keptOut},
    {stage: '', samples: 'of the fit', quality: fit},
  ]);
  const columns = COLUMNS.filter(([, cell]) => qualities.some(({quality}) => cell(quality) !== ''));
  const table = formatTable(
    [{title: 'stage', text: true}, {title: 'samples', text: true}, ...columns.map(([title]) => ({title}))],
    qualities.map(({stage, samples, quality}) => [stage, samples, ...columns.map(([, cell]) => cell(quality))]),
  );
  return [
    table,
    `Outputs beside those of the dense model, on ${samplesKeptOut} samples that were kept out of every fit and as many of ` +
      `the ${samplesFit} others; ${seconds.toFixed(0)} s`,
    ...(distillationKept === false
      ? ['Distillation gained nothing on the samples kept out, and was left out again']
      : []),
  ].join('\n');
}
