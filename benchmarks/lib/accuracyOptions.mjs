import os from 'node:os';
import {Command, InvalidArgumentError} from 'commander';
import {readCommand} from './commandLine.mjs';
import {blockSize, imageSize, oneOf, positiveInteger, share} from './options.mjs';
import {UserError} from './userError.mjs';

const ALLOCATIONS = ['uniform', 'macs', 'weights', 'latency'];
const REPAIRS = ['none', 'closed', 'distill'];
const PATTERNS = ['1xN', 'weight', 'kernel', 'filter'];
const CRITERIA = ['l1', 'random'];
const ORDERS = ['sort', 'search', 'zeros', 'none'];
/** As many threads as the backend starts by itself. */
const MOST_THREADS = 16;

const EXAMPLES = `
Examples (S=../shared):
  npm run accuracy -- --model mobilenet_v2_1.0_224 --images $S/images/val --labels $S/images/val.labels.txt \\
    --n 2 --sparsity 0.5 --allocation macs --calibration $S/images/calibration --samples 1000 --json
  npm run accuracy -- --model mobilenet_edgetpu_0.75_224 --mean 123 --std 86.4304 --images ... --labels ... --repair none
  npm run accuracy -- --model human:centernet --mean 0 --std 1 --images $S/images/val --count 100 \\
    --outputs tower_0/wh,tower_0/keypoints --calibration $S/images/calibration --samples 200`;

/**
 * @typedef {object} AccuracyOptions
 * @property {string} model a path or a name, see `findModel`
 * @property {string} images folder
 * @property {string | null} labels file
 * @property {number | null} count the first so many images alone
 * @property {number | 'auto' | undefined} n
 * @property {number} sparsity
 * @property {'uniform' | 'macs' | 'weights' | 'latency'} allocation
 * @property {string | null} calibration folder
 * @property {number | null} samples the first so many images of it; null: all
 * @property {'none' | 'closed' | 'distill'} repair
 * @property {string} pattern
 * @property {string | undefined} criterion
 * @property {string | false | undefined} rearrange
 * @property {number} seed
 * @property {number[]} mean of pixels, 0 to 255; one for all channels, or three
 * @property {number[]} std what pixels less the mean are divided by
 * @property {string[] | null} outputs nodes that are compared; null: the model's outputs
 * @property {[number, number] | null} size height and width of images where the model leaves them open
 * @property {number} threads that prune and answer
 * @property {number} speedThreads that are timed
 * @property {number} runs timed runs of each engine; 0: time is not measured
 * @property {Record<string, unknown>} extra options of pruneGraphModel that go to it as they are
 * @property {boolean} json
 */

/**
 * Reads the command line of `npm run accuracy`.
 *
 * @param {string[]} argv the arguments alone, without node and script
 * @returns {AccuracyOptions | null} null if only the help was asked for and has been printed
 * @throws {UserError} on an unknown flag, a value that is not supported, or flags that do not go together
 */
export function parseAccuracyOptions(argv) {
  const command = new Command('npm run accuracy --')
    .description('Prunes a model, repairs it by samples, and compares answers and time with those of the dense one.')
    .requiredOption('--model <path|name>', 'model.json, folder, name under ../shared/models, or human:NAME')
    .requiredOption('--images <folder>', 'JPEG images that dense and pruned model are compared on')
    .option('--labels <file>', 'lines "file class", classes 0 to 999; without it all images, no accuracy', null)
    .option('--count <number>', 'only the first so many images', positiveInteger, null)
    .option('--n <number>', 'block height: 1, 2, 4, 8, 16, 32 or auto; 4 if not given', blockSizeOrAuto)
    .option('--sparsity <share>', 'share that goes, of blocks or of what --allocation says', share, 0.5)
    .option('--allocation <how>', `${ALLOCATIONS.join(', ')}`, oneOf(ALLOCATIONS), 'uniform')
    .option('--calibration <folder>', 'JPEG images that repair learns from', null)
    .option('--samples <number>', 'the first so many images of --calibration; all if not given', positiveInteger, null)
    .option('--repair <how>', `${REPAIRS.join(', ')}; closed if there is --calibration`, oneOf(REPAIRS))
    .option('--pattern <what>', `what goes: ${PATTERNS.join(', ')}`, oneOf(PATTERNS), '1xN')
    .option('--criterion <what>', `how blocks are ranked without repair: ${CRITERIA.join(', ')}`, oneOf(CRITERIA))
    .option('--rearrange <how>', `order of channels: ${ORDERS.join(', ')}`, oneOf(ORDERS))
    .option('--seed <integer>', 'of all that is drawn by chance', integer, 0)
    .option('--mean <numbers>', 'taken from pixels of 0 to 255; one number, or one a channel', channels, [127.5])
    .option('--std <numbers>', 'what that is divided by', divisors, [127.5])
    .option('--outputs <names>', 'comma-separated nodes to compare in place of the outputs', nameList, null)
    .option('--size <h,w>', 'height and width of images where the model leaves them open', imageSize, null)
    .option('--threads <number>', 'threads that prune and answer; all cores if not given', positiveInteger)
    .option('--speed-threads <number>', 'threads that are timed', positiveInteger, 1)
    .option('--runs <number>', 'timed runs of dense and pruned model; 0: not timed', wholeNumber, 40)
    .option('--option <key=json>', 'an option of pruneGraphModel, as it is, for experiments', keyAndJson, {})
    .option('--json', 'end with a JSON object on stdout instead of a table', false)
    .addHelpText('after', EXAMPLES);
  const given = readCommand(command, argv);
  if (given === null) return null;
  const {option: extra, ...options} = given;
  options.repair ??= options.calibration === null ? 'none' : 'closed';
  options.threads ??= Math.min(MOST_THREADS, os.availableParallelism());
  if (options.rearrange === 'none') options.rearrange = false;
  check(options);
  return {...options, extra};
}

function check({repair, calibration, samples, pattern, n, criterion}) {
  if (repair !== 'none' && calibration === null) {
    throw new UserError(`--repair ${repair} learns from samples: name a folder of images with --calibration`);
  }
  if (samples !== null && calibration === null) {
    throw new UserError('--samples counts images of --calibration, which is not given');
  }
  if (n !== undefined && pattern !== '1xN') {
    throw new UserError(`--n is the height of 1xN blocks, and --pattern is ${pattern}: leave one of them out`);
  }
  if (criterion !== undefined && repair !== 'none') {
    throw new UserError('--criterion ranks blocks where nothing is repaired: add --repair none');
  }
}

/**
 * What `pruneGraphModel` is given, but for samples and progress.
 *
 * @param {AccuracyOptions} options
 */
export function pruneOptions({n, sparsity, allocation, pattern, criterion, rearrange, seed, repair, extra}) {
  const known = {
    ...(pattern === '1xN' ? {n: n ?? 4} : {pattern}),
    sparsity: allocation === 'uniform' ? sparsity : {[allocation]: sparsity},
    ...{criterion, rearrange, seed},
    ...(repair !== 'none' && {repair}),
    ...extra,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

function blockSizeOrAuto(text) {
  return text === 'auto' ? text : blockSize(text);
}

function integer(text) {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('Give an integer.');
  return value;
}

function wholeNumber(text) {
  const value = integer(text);
  if (value < 0) throw new InvalidArgumentError('Give an integer of at least 0.');
  return value;
}

function channels(text) {
  const values = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (![1, 3].includes(values.length) || !values.every(Number.isFinite)) {
    throw new InvalidArgumentError('Give a number, or one a channel like 123.7,116.3,103.5.');
  }
  return values;
}

function divisors(text) {
  const values = channels(text);
  if (values.includes(0)) throw new InvalidArgumentError('Nothing can be divided by 0.');
  return values;
}

function nameList(text) {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Give names of nodes, like scores,boxes.');
  return names;
}

function keyAndJson(text, before) {
  const [, key, json] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  try {
    return {...before, [key]: JSON.parse(json)};
  } catch {
    throw new InvalidArgumentError(`Give a name and a value in JSON, like rearrange='"search"' or cap=0.9.`);
  }
}
