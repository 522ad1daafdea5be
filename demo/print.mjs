// What the demo prints: colours and a framed table on a terminal, plain columns in a pipe. Progress goes to stderr.
import {stripVTControlCharacters} from 'node:util';
import Table from 'cli-table3';
import pc from 'picocolors';

const onTerminal = process.stdout.isTTY === true;
const colors = pc.createColors(onTerminal && pc.isColorSupported);
const NO_FRAME = Object.fromEntries(
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid'
    .split(' ')
    .map((part) => [part, '']),
);

/** Prints a section's heading. */
export function heading(text) {
  console.log(`\n${colors.bold(colors.cyan(text))}`);
}

/** Prints a line; `**words**` are emphasised on a terminal. */
export function line(text) {
  console.log(text.replace(/\*\*(.+?)\*\*/g, (_, words) => colors.bold(words)));
}

/** Prints a warning. */
export function warning(text) {
  console.log(colors.yellow(text));
}

/** Prints a table of `{title, align = 'right', wraps}` columns. What `wraps` takes the rest of a terminal's width. */
export function table(columns, rows) {
  const printed = new Table({
    head: columns.map(({title}) => colors.bold(title)),
    colAligns: columns.map(({align}) => align ?? 'right'),
    colWidths: onTerminal ? columns.map(({wraps}, i) => (wraps ? restOfWidth(columns, rows, i) : null)) : [],
    wordWrap: true,
    style: {head: [], border: [], compact: true},
    chars: onTerminal ? {} : {...NO_FRAME, middle: ' '},
  });
  printed.push(...rows);
  console.log(onTerminal ? printed.toString() : printed.toString().replace(/ +$/gm, ''));
}

/** Width that the other columns, with their frames and spaces, leave for column `i`. */
function restOfWidth(columns, rows, i) {
  const widths = columns.map(
    ({title}, c) => 3 + Math.max(title.length, ...rows.map((row) => stripVTControlCharacters(row[c]).length)),
  );
  const others = widths.reduce((sum, width) => sum + width, 0) - widths[i];
  return Math.max(24, process.stdout.columns - others - 2);
}

/** Speed-ups stand out: green where ours is faster. */
export function speedUp(ratio) {
  const text = `${ratio.toFixed(2)}x`;
  return ratio > 1 ? colors.green(text) : colors.red(text);
}

let lastStep = '';

/** Says on stderr what goes on: on a terminal in one line that changes, elsewhere a line a step. */
export function progress(step, detail = '') {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${`${step} ${detail}`.trim()}`);
  else if (step && step !== lastStep) process.stderr.write(`${step}\n`);
  lastStep = step;
}
