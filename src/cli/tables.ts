/** Tables for people. */
import Table from 'cli-table3';
import pc from 'picocolors';

/** A column: its title, aligned to the right unless it is text. */
export interface Column {
  readonly title: string;
  readonly text?: true;
}

/** Least width that is left of names which are too long for the terminal. */
const LEAST_NAME = 16;

/**
 * A table whose first column, names, gives way where the terminal is too narrow: their ends stay. Columns without a title
 * are for remarks, and left out where there is none.
 */
export function formatTable(all: readonly Column[], cells: readonly (readonly string[])[]): string {
  const isShown = (_: unknown, i: number) => all[i].title !== '' || cells.some((row) => row[i] !== '');
  const columns = all.filter(isShown);
  const rows = cells.map((row) => row.filter(isShown));
  const widths = columns.map(({title}, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const others = widths.slice(1).reduce((sum, width) => sum + width + 3, 4);
  const {isTTY, columns: screen} = process.stdout;
  const room = isTTY ? Math.max(LEAST_NAME, screen - others) : Infinity;
  const table = new Table({
    head: columns.map(({title}) => pc.bold(title)),
    colAligns: columns.map(({text}) => (text ? 'left' : 'right')),
    style: {head: [], border: [], compact: true},
  });
  table.push(...rows.map(([name, ...rest]) => [name.length > room ? `…${name.slice(1 - room)}` : name, ...rest]));
  return table.toString();
}

export const percent = (value: number, digits = 0): string => `${(100 * value).toFixed(digits)}%`;

export const millions = (value: number): string => (value / 1e6).toFixed(value < 1e7 ? 2 : 1);

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`;

export const shapeOf = (shape: readonly number[]): string => shape.join('×');
