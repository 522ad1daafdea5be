import {spawn} from 'node:child_process';
import path from 'node:path';
import {ROOT} from './models.mjs';
import {UserError} from './userError.mjs';

/**
 * Runs a script of this folder in a Node of its own and reads the JSON object on the last line of its output. What it
 * writes to stderr goes to ours.
 *
 * @param {string} script name in `benchmarks`
 * @param {string[]} args
 * @returns {Promise<any>}
 * @throws {UserError} with its last line on stderr if it fails
 */
export async function runJson(script, args) {
  const child = spawn(process.execPath, [path.join(ROOT, 'benchmarks', script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => {
    process.stderr.write(text);
    stderr = (stderr + text).slice(-4000);
  });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve(code ?? signal));
  });
  if (status !== 0) throw new UserError(lastLine(stderr).replaceAll(ROOT, '.') || `${script} ended with ${status}`);
  return JSON.parse(lastLine(stdout));
}

function lastLine(text) {
  return text.trimEnd().split('\n').at(-1);
}
