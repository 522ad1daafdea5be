/** The options of pruning with samples as the command line has them, and what they are for `pruneGraphModel`. */
import type {io} from '@tensorflow/tfjs-core';
import {Option, type Command} from 'commander';
import {REPAIR_METHODS} from '../graph/calibrationOptions';
import type {CalibrationOptions, MaxDrop, RepairMethod} from '../index';
import {channelNumbers, channelScales, imageSize, integer, maxDrop, range} from './arguments';
import {readCalibration, type FolderFlags} from './calibration/calibration';
import {imageInput} from './calibration/imageInput';
import {UsageError} from './errors';

export interface CalibrationFlags extends FolderFlags {
  /** The folder. */
  readonly calibration?: string;
  readonly repair?: RepairMethod;
  readonly maxDrop?: MaxDrop;
}

/** Names of the options that go with `--calibration`, as commander has them. */
const FLAGS = [
  'samples',
  'size',
  'crop',
  'mean',
  'std',
  'range',
  'labels',
  'labelOffset',
  'repair',
  'maxDrop',
] as const satisfies readonly (keyof CalibrationFlags)[];

export function addCalibrationOptions(command: Command): Command {
  return command
    .option(
      '--calibration <dir>',
      'repair by what the network computes on samples: .jpg, .png or .npy files, no labels',
    )
    .option('--samples <number>', 'take the first so many, by name; default: all', integer(1, Number.MAX_SAFE_INTEGER))
    .option('--size <size>', "what samples are resized to, like 224 or 320x240; default: the model's input", imageSize)
    .option('--crop', 'cut the centre out in place of squeezing the whole image into the size')
    .option('--mean <numbers>', 'what a value v of 0 to 255 becomes: (v - mean) / std; default 0', channelNumbers)
    .option('--std <numbers>', 'one number, or one a channel; default 1', channelScales)
    .option('--range <low,high>', 'in place of these two: what 0 and 255 become, like -1,1', range)
    .option('--labels <file>', 'lines "file class": the report then has the accuracy; nothing is fit to them')
    .option(
      '--label-offset <number>',
      'to add to these classes, as 1 where class 0 is the background',
      integer(-1e9, 1e9),
    )
    .addOption(
      new Option('--repair <how>', 'closed: least squares; distill: and gradient descent; none: measure only').choices(
        REPAIR_METHODS,
      ),
    )
    .option(
      '--max-drop <limit>',
      'take the largest rate up to --sparsity that costs no more, like agreement=0.01, relativeError=0.02, decibels=40',
      maxDrop,
    );
}

/** @throws UsageError for options that go with `--calibration` where it is missing, naming one */
export function checkCalibrationFlags(flags: CalibrationFlags): void {
  const given = FLAGS.find((flag) => flags[flag] !== undefined);
  if (flags.calibration === undefined && given !== undefined) {
    throw new UsageError(`--${inWords(given)} goes with --calibration: add a folder of samples, or leave it out`);
  }
  if (flags.labelOffset !== undefined && flags.labels === undefined) {
    throw new UsageError('--label-offset goes with --labels: add a file of labels, or leave it out');
  }
}

const inWords = (flag: string): string => flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * What `pruneGraphModel` takes of the options; nothing without `--calibration`.
 *
 * @throws UsageError or UserError as `readCalibration`
 */
export async function toCalibrationOptions(
  flags: CalibrationFlags,
  artifacts: io.ModelArtifacts,
): Promise<CalibrationOptions> {
  if (flags.calibration === undefined) return {};
  const {repair, maxDrop} = flags;
  const {batches, labels} = await readCalibration(flags.calibration, imageInput(artifacts), flags);
  return {calibration: batches, ...(labels && {labels}), ...(repair && {repair}), ...(maxDrop && {maxDrop})};
}

/** The options as they were given, for a result. */
export function givenCalibration(flags: CalibrationFlags): Partial<CalibrationFlags> {
  const given = (['calibration', ...FLAGS] as const).filter((flag) => flags[flag] !== undefined);
  return Object.fromEntries(given.map((flag) => [flag, flags[flag]]));
}
