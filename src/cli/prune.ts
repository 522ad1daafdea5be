/** `blocksparse-1xn prune`: a pruned copy of a model. */
import type {Command} from 'commander';
import {
  pruneGraphModel,
  type CalibrationProgress,
  type LayerReport,
  type PruneOptions,
  type PruneReport,
  type PruneResult,
} from '../index';
import {checkFolder} from './atomic';
import {
  addCalibrationOptions,
  checkCalibrationFlags,
  givenCalibration,
  toCalibrationOptions,
  type CalibrationFlags,
} from './calibrationOptions';
import {addCommand, MODEL_ARGUMENT, printResult, PROGRAM} from './commands';
import {startBackend} from './engine';
import {checkingUsage, UsageError} from './errors';
import {readGraphModel, type Model} from './models';
import {showTimedProgress, whileSaying} from './progress';
import {addPruneOptions, toPruneOptions, type PruneFlags} from './pruneOptions';
import {describeRepair} from './repairTable';
import {saveModel, type SavedModel} from './saveModel';
import {abortable} from './signals';
import {formatTable, megabytes, millions, percent, shapeOf} from './tables';

interface Flags extends PruneFlags, CalibrationFlags {
  readonly packed: boolean;
  readonly float16: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

export function addPrune(program: Command): void {
  const command = addCommand(program, 'prune', 'Prunes a graph model to the 1xN pattern and writes the result.', [
    'model.json out --n 4 --sparsity 0.5',
    '@vladmandic/human/models/centernet.json out --n 2 --sparsity 0.4 --force',
    'https://example.com/model/model.json out --n auto --sparsity 0.5 --budget latency',
    'model.json out --sparsity 0.75 --layers conv_1,conv_2 --json',
    'model.json out --sparsity 0.5 --classifier --packed --float16',
    'model.json out --n 2 --sparsity 0.5 --budget macs --calibration images --range -1,1',
    'model.json out --calibration images --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4 --crop --max-drop agreement=0.01',
  ])
    .argument('<model>', MODEL_ARGUMENT)
    .argument('<out>', 'folder for the pruned model');
  addCalibrationOptions(addPruneOptions(command, 0.5))
    .option('--packed', 'store the kept blocks alone: smaller, and needs this package to load', false)
    .option('--float16', 'store values as float16; goes with --packed', false)
    .option('--force', 'replace a model that is there', false)
    .action(prune);
}

async function prune(name: string, out: string, flags: Flags): Promise<void> {
  const {packed, float16, force, json} = flags;
  if (float16 && !packed) throw new UsageError('--float16 goes with --packed: add it, or leave --float16 out');
  checkCalibrationFlags(flags);
  checkFolder(out, force);
  const model = await readGraphModel(name);
  const options = toPruneOptions(flags);
  const {artifacts, report} = await (flags.calibration === undefined
    ? whileSaying(`pruning ${name}`, () => checkingUsage(() => pruneGraphModel(model.artifacts, options)))
    : pruneWithSamples(model, options, flags));
  for (const text of report.repair?.warnings ?? []) process.stderr.write(`${PROGRAM}: warning: ${text}\n`);
  const saved = await saveModel(artifacts, out, {force, packed, float16});
  const result = {model: name, out, options: {...options, ...givenCalibration(flags)}, report, ...saved};
  printResult(json, result, () => describe(report, out, saved));
}

async function pruneWithSamples({name, artifacts}: Model, options: PruneOptions, flags: Flags): Promise<PruneResult> {
  const calibration = await toCalibrationOptions(flags, artifacts);
  await startBackend('blocksparse-1xn');
  return abortable(async (signal) => {
    const progress = showTimedProgress(`pruning ${name}`);
    const onProgress = ({stage, done, secondsLeft}: CalibrationProgress) => progress.show(stage, done, secondsLeft);
    try {
      return await checkingUsage(() => pruneGraphModel(artifacts, {...options, ...calibration, onProgress, signal}));
    } finally {
      progress.stop();
    }
  });
}

function describe(report: PruneReport, out: string, {files, bytes}: SavedModel): string {
  const {totals} = report;
  const unknown = totals.layersOfUnknownSize;
  return [
    layerTable(report.layers),
    `${totals.layersPruned} of ${totals.layers} layers pruned, ${totals.layersRearranged} rearranged: ` +
      `blocks ${totals.blocksBefore} -> ${totals.blocksAfter}, ` +
      `multiply-adds ${millions(totals.macsBefore)} -> ${millions(totals.macsAfter)} million` +
      (unknown > 0 ? ` (without ${unknown} layers of unknown size)` : '') +
      `, l1 norm kept ${percent(totals.l1Kept, 1)}`,
    ...budgetLine(report),
    ...(report.repair ? [describeRepair(report.repair)] : []),
    report.accuracy,
    `Written to ${out}: ${files.length} files, ${megabytes(bytes)}`,
  ].join('\n');
}

function budgetLine({totals: {budget}}: PruneReport): string[] {
  if (!budget) return [];
  const {kind, asked, reached, expectedMsBefore, expectedMsAfter} = budget;
  const times = `${expectedMsBefore.toFixed(2)} -> ${expectedMsAfter.toFixed(2)} ms`;
  return [`budget: ${percent(reached, 1)} of the ${kind} gone, ${percent(asked, 1)} asked; these layers are expected to take ${times}`]; // prettier-ignore
}

function layerTable(layers: readonly LayerReport[]): string {
  const columns = [
    {title: 'layer', text: true},
    {title: 'shape'},
    {title: 'N'},
    {title: 'blocks'},
    {title: 'left'},
    {title: 'l1 kept'},
    {title: 'mega MACs'},
    {title: 'left'},
    {title: '', text: true},
  ] as const;
  return formatTable(
    columns,
    layers.map(({name, shape, n, blocksBefore, blocksAfter, l1Kept, macsBefore, macsAfter, ...layer}) => [
      name,
      shapeOf(shape),
      String(n),
      String(blocksBefore),
      String(blocksAfter),
      percent(l1Kept),
      macsBefore === null ? '?' : millions(macsBefore),
      macsAfter === null ? '?' : millions(macsAfter),
      layer.leftAlone === null ? (layer.rearranged ? 'rearranged' : '') : `left alone: ${layer.leftAlone}`,
    ]),
  );
}
