import {Command, InvalidArgumentError} from 'commander';
import {readCommand} from './commandLine.mjs';
import {PEERS, STOCK} from './benchmark.mjs';

/** As many as the backend's own option takes. */
const MOST_THREADS = 64;
/** Block heights of the 1xN format. */
const BLOCK_SIZES = [1, 2, 4, 8, 16, 32];
const ENVIRONMENTS = ['chromium', 'firefox', 'node'];

/** Has its model in an npm package of this repository, so that the command works right after `npm ci`. */
export const DEFAULT_MODEL = 'human:faceres';

const EXAMPLES = `
Examples:
  npm run bench -- --model mobilenet_v2_1.0_224 --n 4 --sparsity 0.5
  npm run bench -- --model human/handlandmark-sparse --sparsity 0 --json
  npm run bench -- --model human:centernet --env node --runs 10
  npm run bench -- --model mobilenet_v2_1.0_224 --sparsity 0 --threads 1,2
  npm run bench -- --model mobilenet_v2_1.0_224 --threads 1,2 --peers tfjs-wasm,litert,ort
  npm run bench -- --model node_modules/@upscalerjs/default-model/models/model.json --sparsity 0 --size 128,128
  npm run bench -- --model path/to/model.json --n 8 --sparsity 0.75 --env firefox`;

/**
 * @typedef {object} BenchOptions
 * @property {string} model a path or a name, see `findModel`
 * @property {number} n block height
 * @property {number} sparsity share of the blocks to prune, in [0, 1); 0 switches the hook off
 * @property {number[]} threads ours, litert and ort are measured once for each
 * @property {number} runs timed runs of every engine
 * @property {'chromium' | 'firefox' | 'node'} env
 * @property {string[]} peers engines to measure beside ours
 * @property {[number, number] | null} size height and width of images where the model leaves them open
 * @property {boolean} json
 */

/**
 * Reads the command line of `npm run bench`.
 *
 * @param {string[]} argv the arguments alone, without node and script
 * @returns {BenchOptions | null} null if only the help was asked for and has been printed
 * @throws {UserError} on an unknown flag or a value that is not supported
 */
export function parseOptions(argv) {
  const command = new Command('npm run bench --')
    .description('Times a model on blocksparse-1xn and its peers, run by run in turn, in one page or process.')
    .option('--model <path|name>', 'model.json, folder, name under ../shared/models, or human:NAME', DEFAULT_MODEL)
    .option('--n <number>', `block height: ${BLOCK_SIZES.join(', ')}`, blockSize, 4)
    .option('--sparsity <share>', 'share of blocks that the load hook prunes; 0: hook off (layers models)', share, 0.5)
    .option(
      '--threads <list>',
      `threads, 1 to ${MOST_THREADS}, of all but tfjs-wasm; a list compares them`,
      threadCounts,
      [1],
    )
    .option('--runs <number>', 'timed runs of each engine', positiveInteger, 40)
    .option('--env <name>', orList(ENVIRONMENTS), oneOf(ENVIRONMENTS), 'chromium')
    .option('--peers <list>', `comma-separated: ${PEERS.join(', ')}`, listOf(PEERS), [STOCK])
    .option('--size <h,w>', 'height and width of images where the model leaves them open', imageSize)
    .option('--json', 'end with a JSON object on stdout instead of a table')
    .addHelpText('after', EXAMPLES);
  const given = readCommand(command, argv);
  return given && {json: false, size: null, ...given};
}

export function blockSize(text) {
  const n = Number(text);
  if (!BLOCK_SIZES.includes(n)) throw new InvalidArgumentError(`Give one of ${BLOCK_SIZES.join(', ')}.`);
  return n;
}

export function share(text) {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('Give a number from 0 to below 1, like 0.5.');
  return value;
}

export function positiveInteger(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give an integer of at least 1.');
  return value;
}

/** The different numbers of a comma-separated list, in its order. */
function threadCounts(text) {
  const counts = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (!counts.every((count) => Number.isInteger(count) && count >= 1 && count <= MOST_THREADS)) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${MOST_THREADS}, or several like 1,2.`);
  }
  return [...new Set(counts)];
}

/** Height and width. */
export function imageSize(text) {
  const sizes = text.split(',').map(Number);
  if (sizes.length !== 2 || !sizes.every((size) => Number.isInteger(size) && size >= 1)) {
    throw new InvalidArgumentError('Give height and width in pixels, like 128,128.');
  }
  return sizes;
}

export function oneOf(values) {
  return (text) => {
    if (!values.includes(text)) throw new InvalidArgumentError(`Give ${orList(values)}.`);
    return text;
  };
}

function orList(values) {
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function listOf(values) {
  return (text) => {
    const names = [...new Set(text.split(',').map((name) => name.trim()))];
    if (!names.every((name) => values.includes(name))) {
      throw new InvalidArgumentError(`Give a comma-separated list of: ${values.join(', ')}.`);
    }
    return names;
  };
}
