/** Files of labels: lines with the name of a sample's file and its class. */
import {readFile} from 'node:fs/promises';
import {messageOf, UserError} from '../errors';
import type {Sample} from './sampleFiles';

/**
 * Reads the labels of samples. A file of several samples has as many classes behind its name, or lines with its name. Names
 * that are none of these samples do not matter.
 *
 * @param samples all of a folder
 * @param count so many of them, the first ones, need a label
 * @param offset is added to each class
 * @returns these labels
 * @throws UserError where a line is none of these, a sample has no label, or a file has more than samples, naming it
 */
export async function readLabels(
  file: string,
  samples: readonly Sample[],
  count: number,
  offset: number,
): Promise<Int32Array> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError(`the labels cannot be read: ${messageOf(error)}`, {cause: error});
  }
  const classes = new Map<string, number[]>();
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === '') return;
    const [, name, numbers] = /^\s*(.+?)((?:\s+\d+)+)\s*$/.exec(line) ?? [];
    if (name === undefined) throw new UserError(`${file}, line ${i + 1}: "file class" expected, like "cat.jpg 281"`);
    classes.set(name, [...(classes.get(name) ?? []), ...numbers.trim().split(/\s+/).map(Number)]);
  });
  const seen = new Map<string, number>();
  const labels = samples.map(({file: name}, sample) => {
    const i = seen.get(name) ?? 0;
    seen.set(name, i + 1);
    const label = (classes.get(name)?.[i] ?? NaN) + offset;
    if (label >= 0 || sample >= count) return label;
    throw new UserError(
      Number.isNaN(label)
        ? `${file} has no class for ${name}${i > 0 ? `, sample ${i + 1}` : ''}`
        : `${file}: ${name} gets the label ${label}: change --label-offset`,
    );
  });
  for (const [name, has] of seen) {
    const given = classes.get(name)?.length ?? 0;
    if (given > has) throw new UserError(`${file} has ${given} classes for ${name}, which has ${has} samples`);
  }
  return Int32Array.from(labels.slice(0, count));
}
