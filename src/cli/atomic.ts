/** Writing so that what stands there afterwards is whole: the old, or the new, or nothing. */
import {existsSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync} from 'node:fs';
import {mkdir, mkdtemp, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {messageOf, UserError} from './errors';
import {endBy, listenForSignals} from './signals';

/** Files by name. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/**
 * Whether a model may be written to a folder: it is not there, or empty, or holds a model and `force` is given.
 *
 * @throws UserError that says what is in the way
 */
export function checkFolder(folder: string, force: boolean): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) throw new UserError(`${folder} is a file: name a folder for the model`);
  const there = readdirSync(folder);
  if (there.length === 0) return;
  // The folder is replaced as a whole: nothing but a model may be lost.
  const model = filesOfModel(folder);
  const foreign = there.filter((file) => !model.has(file));
  if (foreign.length > 0) {
    throw new UserError(
      `${folder} holds files that are no part of a model, such as ${foreign[0]}: name another folder`,
    );
  }
  if (!force) throw new UserError(`${folder} holds a model: name another folder, or replace it with --force`);
}

/** The names that a model's JSON and its weights have in a folder; none where there is no model. */
function filesOfModel(folder: string): ReadonlySet<string> {
  try {
    const json = JSON.parse(readFileSync(path.join(folder, 'model.json'), 'utf8')) as {
      weightsManifest: readonly {paths: readonly string[]}[];
    };
    return new Set(['model.json', ...json.weightsManifest.flatMap(({paths}) => paths)]);
  } catch {
    return new Set();
  }
}

/**
 * Writes a folder's files beside it and puts them in its place when all are written. If that fails or a signal ends the
 * process, nothing new is left behind, and a folder that was there stays as it is.
 *
 * @param written called after every file
 * @throws UserError as `checkFolder`, or if the files cannot be written
 */
export async function writeFolder(folder: string, files: Files, force: boolean, written: () => void): Promise<void> {
  checkFolder(folder, force);
  await stage(folder, async (temporary) => {
    const whole = path.join(temporary, 'new');
    await mkdir(whole);
    for (const [name, data] of files) {
      await writeFile(path.join(whole, name), data, {flush: true});
      written();
    }
    checkFolder(folder, force);
    // At one go: between synchronous calls no handler of a signal runs.
    const old = path.join(temporary, 'old');
    const isThere = existsSync(folder);
    if (isThere) renameSync(folder, old);
    try {
      renameSync(whole, folder);
    } catch (error) {
      if (isThere) renameSync(old, folder);
      throw error;
    }
  });
}

/** As `writeFolder`, for a single file. */
export async function writeWholeFile(file: string, data: string, force: boolean): Promise<void> {
  checkFile(file, force);
  await stage(file, async (temporary) => {
    const whole = path.join(temporary, 'new');
    await writeFile(whole, data, {flush: true});
    checkFile(file, force);
    renameSync(whole, file);
  });
}

/** @throws UserError if the file is there and `force` is not given */
export function checkFile(file: string, force: boolean): void {
  if (!existsSync(file)) return;
  if (!statSync(file).isFile()) throw new UserError(`${file} is no file: name one`);
  if (!force) throw new UserError(`${file} is there already: name another file, or replace it with --force`);
}

/** Gives `action` a temporary folder beside the target, which is gone afterwards, whatever happens. */
async function stage(target: string, action: (temporary: string) => Promise<void>): Promise<void> {
  const parent = path.dirname(path.resolve(target));
  let created: string | undefined;
  let temporary: string | undefined;
  const cleanUp = () => {
    if (temporary !== undefined) rmSync(temporary, {recursive: true, force: true, maxRetries: 3});
    if (created !== undefined) removeEmpty(created, parent);
  };
  const ignoreSignals = listenForSignals((signal) => {
    cleanUp();
    endBy(signal);
  });
  try {
    created = await mkdir(parent, {recursive: true});
    temporary = await mkdtemp(path.join(parent, `.${path.basename(target)}-`));
    await action(temporary);
    created = undefined;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${target} cannot be written: ${messageOf(error)}`, {cause: error});
  } finally {
    cleanUp();
    ignoreSignals();
  }
}

/** Removes the folders from `last` up to `first`, as far as they are empty. */
function removeEmpty(first: string, last: string): void {
  for (let folder = last; folder.length >= first.length; folder = path.dirname(folder)) {
    if (!existsSync(folder)) continue;
    if (readdirSync(folder).length > 0) return;
    rmdirSync(folder);
  }
}
