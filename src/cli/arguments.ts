/** Readers of option values; each throws what commander turns into a misuse. */
import {InvalidArgumentError} from 'commander';
import type {MaxDrop} from '../index';
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

/** Numbers, separated by commas: one for all channels of an image, or one for each. */
export function channelNumbers(text: string): number[] {
  const values = numbersOf(text);
  if (values) return values;
  throw new InvalidArgumentError('Give one number, or one a channel, like 123.7,116.3,103.5.');
}

/** As `channelNumbers`, for divisors. */
export function channelScales(text: string): number[] {
  const values = channelNumbers(text);
  if (values.includes(0)) throw new InvalidArgumentError('Give numbers other than 0: values are divided by them.');
  return values;
}

/** Two different numbers. */
export function range(text: string): [number, number] {
  const [low, high, ...more] = numbersOf(text) ?? [];
  if (high === undefined || low === high || more.length > 0) {
    throw new InvalidArgumentError('Give what 0 and 255 become, like -1,1 or 0,1.');
  }
  return [low, high];
}

/** Width and height: `320x240`, or `224` for both. */
export function imageSize(text: string): {width: number; height: number} {
  const [width, height = width, ...more] = text.split('x').map(integer(1, 1 << 14));
  if (more.length > 0) throw new InvalidArgumentError('Give a size like 224, or 320x240 for its width and height.');
  return {width, height};
}

/** A limit of what pruning may cost: `agreement=0.01`. */
export function maxDrop(text: string): MaxDrop {
  const [kind, value, ...more] = text.split('=');
  const number = value?.trim() ? Number(value) : NaN;
  const most = {agreement: 1, relativeError: Number.MAX_VALUE, decibels: Number.MAX_VALUE}[kind] ?? -1;
  if (more.length === 0 && number >= 0 && number <= most) return {[kind]: number} as unknown as MaxDrop;
  throw new InvalidArgumentError('Give agreement=0.01 (a share), relativeError=0.02 or decibels=40.');
}

/** Numbers separated by commas, or `undefined` where one is none. */
function numbersOf(text: string): number[] | undefined {
  const values = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  return values.every(Number.isFinite) ? values : undefined;
}
