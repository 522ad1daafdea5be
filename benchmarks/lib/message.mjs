// What a page posts to our server. JSON alone would turn an endless difference into null.
const INFINITY = 'number:Infinity';

/** @param {unknown} value */
export function encode(value) {
  return JSON.stringify(value, (_, part) => (part === Infinity ? INFINITY : part));
}

/** @param {string} text */
export function decode(text) {
  return JSON.parse(text, (_, part) => (part === INFINITY ? Infinity : part));
}
