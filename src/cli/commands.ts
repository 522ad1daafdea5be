/** What all commands have in common: their options, their help, and where their results go. */
import {Command} from 'commander';

export const PROGRAM = 'blocksparse-1xn';

export const MODEL_ARGUMENT = 'model.json, a folder with one, an http(s) URL, or PACKAGE/PATH of an npm package';

/** Adds a command with the options that all have; `examples` are its arguments. */
export function addCommand(program: Command, name: string, description: string, examples: readonly string[]): Command {
  return program
    .command(name)
    .description(description)
    .option('--json', 'print one JSON object on stdout, and nothing else there', false)
    .option('--debug', 'show where an error comes from', false)
    .addHelpText(
      'after',
      `\nExamples:\n${examples.map((example) => `  npx ${PROGRAM} ${name} ${example}`).join('\n')}`,
    );
}

/** Prints a result: for people, or as JSON. */
export function printResult(json: boolean, result: object, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text()}\n`);
}
