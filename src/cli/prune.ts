/** `blocksparse-1xn prune`: a pruned copy of a model. */
import type {Command} from 'commander';
import {pruneGraphModel, type LayerReport, type PruneReport} from '../index';
import {checkFolder} from './atomic';
import {addCommand, MODEL_ARGUMENT, printResult} from './commands';
import {checkingUsage, UsageError} from './errors';
import {readGraphModel} from './models';
import {whileSaying} from './progress';
import {addPruneOptions, toPruneOptions, type PruneFlags} from './pruneOptions';
import {saveModel, type SavedModel} from './saveModel';
import {formatTable, megabytes, millions, percent, shapeOf} from './tables';

interface Flags extends PruneFlags {
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
  ])
    .argument('<model>', MODEL_ARGUMENT)
    .argument('<out>', 'folder for the pruned model');
  addPruneOptions(command, 0.5)
    .option('--packed', 'store the kept blocks alone: smaller, and needs this package to load', false)
    .option('--float16', 'store values as float16; goes with --packed', false)
    .option('--force', 'replace a model that is there', false)
    .action(prune);
}

async function prune(name: string, out: string, flags: Flags): Promise<void> {
  const {packed, float16, force, json} = flags;
  if (float16 && !packed) throw new UsageError('--float16 goes with --packed: add it, or leave --float16 out');
  checkFolder(out, force);
  const model = await readGraphModel(name);
  const options = toPruneOptions(flags);
  const {artifacts, report} = await whileSaying(`pruning ${name}`, () =>
    checkingUsage(() => pruneGraphModel(model.artifacts, options)),
  );
  const saved = await saveModel(artifacts, out, {force, packed, float16});
  printResult(json, {model: name, out, options, report, ...saved}, () => describe(report, out, saved));
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
