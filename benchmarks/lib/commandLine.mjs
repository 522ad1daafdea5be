import {CommanderError, InvalidArgumentError} from 'commander';
import {UserError} from './userError.mjs';

/**
 * Reads a command line.
 *
 * @param {import('commander').Command} command named as the user calls it
 * @param {string[]} argv the arguments alone, without node and script
 * @returns {object | null} the options; null if only the help was asked for and has been printed
 * @throws {UserError} on an unknown flag or a value that is not supported
 */
export function readCommand(command, argv) {
  command
    .showSuggestionAfterError(false)
    .configureOutput({writeErr: () => {}})
    .exitOverride();
  try {
    command.parse(argv, {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    throw new UserError(`${error.message.replace(/^error: /, '')} (${command.name()} --help lists the flags)`);
  }
  return command.opts();
}

/** Runs a script: a UserError becomes a line on stderr and the exit code 1, any other error ends it with its stack. */
export async function runMain(name, main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UserError)) {
      // Not thrown on: stock's WebAssembly module throws again what is uncaught, and Node prints some of that as 'undefined'.
      process.stderr.write(`${error?.stack ?? error}\n`);
      process.exit(1);
    }
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/** `npm run` changes to the package's folder; the user's relative paths start where npm was called. */
export function startFolder(script) {
  const {npm_lifecycle_event: running, INIT_CWD: folder} = process.env;
  return running === script && folder ? folder : process.cwd();
}

/** Parser of an option that is a regular expression. */
export function regularExpression(text) {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(error.message);
  }
}
