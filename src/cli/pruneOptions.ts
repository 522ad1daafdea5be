/** The options of pruning as the command line has them, and what they are for `pruneGraphModel`. */
import {Option, type Command} from 'commander';
import type {PruneOptions} from '../index';
import {CRITERIA, PATTERNS} from '../pruning';
import {blockSizeOrAuto, names, seed, share} from './arguments';
import {UsageError} from './errors';

const PRUNE_OPTIONS = [
  'n',
  'sparsity',
  'budget',
  'criterion',
  'seed',
  'rearrange',
  'pattern',
  'layers',
  'classifier',
] as const;

export interface PruneFlags {
  readonly n: number | 'auto';
  readonly sparsity: number;
  readonly budget?: string;
  readonly criterion: string;
  readonly seed: number;
  readonly rearrange?: string;
  readonly pattern?: string;
  readonly layers?: readonly string[];
  readonly classifier?: true;
}

/** Adds the options; those of a command that prunes only on request have no default rate. */
export function addPruneOptions(command: Command, defaultSparsity?: number): Command {
  const rate = new Option('--sparsity <share>', 'share of the blocks to drop, 0 to 1').argParser(share);
  return command
    .option('--n <number>', 'filters a block: 1, 2, 4, 8, 16, 32, or auto for a choice per layer', blockSizeOrAuto, 4)
    .addOption(defaultSparsity === undefined ? rate : rate.default(defaultSparsity))
    .addOption(
      new Option('--budget <what>', 'take --sparsity as the share of all of these to remove').choices([
        'macs',
        'weights',
        'latency',
      ]),
    )
    .addOption(new Option('--criterion <name>', 'how blocks are ranked').choices(CRITERIA).default('l1'))
    .option('--seed <number>', 'of the criterion random', seed, 0)
    .addOption(
      new Option('--rearrange <how>', 'how output channels are put into order first').choices([
        'sort',
        'search',
        'zeros',
        'none',
      ]),
    )
    .addOption(new Option('--pattern <name>', 'for research: what is dropped in place of 1xN blocks').choices(PATTERNS))
    .option('--layers <names>', 'prune these layers alone: node names, separated by commas', names)
    .option('--classifier', 'prune the classifier, too');
}

/** @returns what `pruneGraphModel` takes; it checks the values itself. */
export function toPruneOptions(flags: PruneFlags): PruneOptions {
  const {n, sparsity, budget, criterion, seed, rearrange, pattern, layers, classifier} = flags;
  return {
    // Other patterns have no N.
    ...((pattern ?? '1xN') === '1xN' && {n}),
    sparsity: budget === undefined ? sparsity : {[budget]: sparsity},
    criterion,
    seed,
    ...(rearrange !== undefined && {rearrange: rearrange === 'none' ? false : rearrange}),
    ...(pattern !== undefined && {pattern}),
    ...(layers && {layers}),
    ...(classifier && {classifier}),
  } as PruneOptions;
}

/**
 * The options of a command that prunes on request; `null` without a rate.
 *
 * @throws UsageError if there are options of pruning without one
 */
export function pruneOptionsOnRequest(command: Command): PruneOptions | null {
  const flags = command.opts<Partial<PruneFlags>>();
  if (flags.sparsity !== undefined) return toPruneOptions(flags as PruneFlags);
  const [given] = givenPruneOptions(command);
  if (given !== undefined) throw new UsageError(`--${given} is of pruning: give --sparsity, the share to drop, too`);
  return null;
}

/** The options of pruning that the command line has. */
export function givenPruneOptions(command: Command): string[] {
  return PRUNE_OPTIONS.filter((name) => command.getOptionValueSource(name) === 'cli');
}
