/** Work that is synchronous unless somebody hands in a promise: loadGraphModelSync cannot wait. */

/** `f(value)`, at once where the value is there, else when it comes. */
export function whenReady<T, R>(value: T | PromiseLike<T>, f: (value: T) => R | Promise<R>): R | Promise<R> {
  return isPromiseLike(value) ? Promise.resolve(value).then(f) : f(value);
}

export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function';
}
