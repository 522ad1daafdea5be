/** Readers of option values; each throws what commander turns into a misuse. */
import {InvalidArgumentError} from 'commander';
import {BLOCK_SIZES, type BlockSize} from '../packed';

export function blockSizeOrAuto(text: string): BlockSize | 'auto' {
  const n = text === 'auto' ? text : BLOCK_SIZES.find((size) => String(size) === text);
  if (n === undefined) throw new InvalidArgumentError(`Give one of ${BLOCK_SIZES.join(', ')}, or auto.`);
  return n;
}

/** A share, 0 to 1. */
export function share(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Give a number from 0 to 1, like 0.5.');
  return value;
}

/** A reader of whole numbers within bounds. */
export function integer(least: number, most: number): (text: string) => number {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`Give a whole number ${bounds}.`);
    }
    return value;
  };
}

export const seed = integer(0, Number.MAX_SAFE_INTEGER);

/** Node names, separated by commas. */
export function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim());
  if (list.includes('')) throw new InvalidArgumentError('Give node names separated by commas, like conv1,conv2.');
  return list;
}

/** Shapes of inputs by name. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** Adds `NAME=1,224,224,3` to the shapes given before. */
export function inputShape(text: string, before: InputShapes = {}): InputShapes {
  const [, name, sizes] = /^(.+)=([\d,]+)$/.exec(text) ?? [];
  const shape = sizes?.split(',').map(Number) ?? [];
  if (!shape.length || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new InvalidArgumentError('Give an input and its whole shape, like input=1,224,224,3.');
  }
  return {...before, [name]: shape};
}
