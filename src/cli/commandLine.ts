/** All commands, and how their mistakes are told. */
import {Command, CommanderError} from 'commander';
import {addBench} from './bench';
import {PROGRAM} from './commands';
import {addCompare} from './compare';
import {addConvertBack} from './convertBack';
import {FAILED, messageOf, MISUSED, UserError} from './errors';
import {addInspect} from './inspect';
import {addPrune} from './prune';

/**
 * Does what a command line says.
 *
 * @param args without the program's name
 * @returns the exit code; what went wrong is told on stderr, in one line
 */
export async function runCommandLine(args: readonly string[], version: string): Promise<number> {
  const program = new Command(PROGRAM)
    .description('1xN block sparsity for graph models of TensorFlow.js.')
    .version(version)
    .exitOverride()
    .configureOutput({outputError: () => undefined}); // told below, in one line
  for (const add of [addPrune, addInspect, addBench, addCompare, addConvertBack]) add(program);
  try {
    await program.parseAsync(args, {from: 'user'});
    return 0;
  } catch (error) {
    return report(error, args);
  }
}

/** Tells what went wrong, in one line, and how to go on. */
function report(error: unknown, args: readonly string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode && MISUSED;
    const command = args[0]?.startsWith('-') ? '' : ` ${args[0]}`;
    const help = error.code === 'commander.unknownCommand' ? PROGRAM : PROGRAM + command;
    process.stderr.write(`${PROGRAM}: ${messageOf(error).replace(/^error: /, '')} (${help} --help shows how)\n`);
    return MISUSED;
  }
  const debug = args.includes('--debug');
  const isExpected = error instanceof UserError;
  const hint = isExpected || debug ? '' : ' (--debug shows where)';
  process.stderr.write(`${PROGRAM}: ${messageOf(error)}${hint}\n`);
  if (debug) console.error(error);
  return isExpected ? error.exitCode : FAILED;
}
