import {Command} from 'commander';
import {readCommand} from './commandLine.mjs';
import {blockSize, DEFAULT_MODEL, oneOf, positiveInteger, share} from './options.mjs';
import {PROFILES_IN} from './recordPlan.mjs';

const EXAMPLES = `
Examples:
  npm run profile -- --model mobilenet_v2_1.0_224
  npm run profile -- --model mobilenet_v2_1.0_224 --n 4 --sparsity 0.5
  npm run profile -- --model human/handlandmark-sparse --env node --json`;

/**
 * @typedef {object} ProfileOptions
 * @property {string} model a path or a name, see `findModel`
 * @property {number} n block height
 * @property {number} sparsity share of the blocks to prune, in [0, 1); 0 leaves the model untouched
 * @property {number} threads
 * @property {number} runs timed inferences of each kind
 * @property {'chromium' | 'node'} env
 * @property {boolean} json
 */

/**
 * Reads the command line of `npm run profile`.
 *
 * @param {string[]} argv
 * @returns {ProfileOptions | null} null if only the help was asked for
 * @throws {import('./userError.mjs').UserError} on an unknown flag or a value that is not supported
 */
export function parseProfileOptions(argv) {
  const command = new Command('npm run profile --')
    .description('Times every op of one inference on blocksparse-1xn, beside its roof and stock on the same op.')
    .option('--model <path|name>', 'model.json, folder, name under ../shared/models, or human:NAME', DEFAULT_MODEL)
    .option('--n <number>', 'block height: 1, 2, 4, 8, 16, 32', blockSize, 4)
    .option('--sparsity <share>', 'share of blocks that the load hook prunes; 0: hook off', share, 0)
    .option('--threads <number>', 'threads of our kernels', positiveInteger, 1)
    .option('--runs <number>', 'timed runs', positiveInteger, 30)
    .option('--env <name>', PROFILES_IN.join(' or '), oneOf(PROFILES_IN), 'chromium')
    .option('--json', 'end with a JSON object on stdout instead of tables', false)
    .addHelpText('after', EXAMPLES);
  return readCommand(command, argv);
}
