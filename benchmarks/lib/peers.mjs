import {execFile} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import {bundleForPage} from './bundle.mjs';
import {ROOT} from './models.mjs';
import {UserError} from './userError.mjs';

const FOLDER = path.join(ROOT, 'benchmarks');
const MODULES = path.join(FOLDER, 'node_modules');
const LITERT_FOLDER = path.join(MODULES, '@litertjs/core');
export const ORT_FOLDER = path.join(MODULES, 'onnxruntime-web/dist');

/** Engines that are no backend of tfjs and come with the benchmarks' own package. */
const PACKAGES = {litert: LITERT_FOLDER, ort: path.dirname(ORT_FOLDER)};

/**
 * Those of the peers asked for that can run a model here; they are installed if need be.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {Pick<import('./options.mjs').BenchOptions, 'peers' | 'env'>} options
 * @param {(line: string) => void} onProgress
 * @returns {Promise<{peers: string[], versions: Record<string, string>, notes: string[]}>} `notes` say which are left out
 * @throws {UserError} if one needs a page and there is none, or if installing fails
 */
export async function choosePeers({peerFiles}, {peers, env}, onProgress) {
  if (env === 'node' && peers.includes('litert')) {
    throw new UserError('litert runs in a page only: add --env chromium, or leave it out of --peers');
  }
  const absent = peers.filter((peer) => peer in PACKAGES && !existsSync(peerFiles[peer] ?? ''));
  const notes = absent.map((peer) =>
    peerFiles[peer]
      ? `${peer} is left out: there is no peers/${path.basename(peerFiles[peer])} beside the model's folder.`
      : `${peer} is left out: its file has the name of the model's folder, so the model must be a model.json.`,
  );
  const left = peers.filter((peer) => !absent.includes(peer));
  const packaged = left.filter((peer) => peer in PACKAGES);
  if (packaged.length > 0) await install(onProgress);
  return {peers: left, versions: Object.fromEntries(packaged.map((peer) => [peer, versionOf(PACKAGES[peer])])), notes};
}

/**
 * What a page needs to run peers.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {string[]} peers
 * @returns {Promise<{files: Record<string, string>, folders: Record<string, string>, urls: Record<string, object>}>} parts
 *     of a site, and for each peer where its script, its wasm files and its model are
 */
export async function peerSite({peerFiles}, peers) {
  const site = {files: {}, folders: {}, urls: {}};
  const packaged = peers.filter((peer) => peer in PACKAGES);
  for (const peer of packaged) {
    const file = peerFiles[peer];
    site.folders['/peers/'] = path.dirname(file);
    site.urls[peer] = {wasm: `/${peer}/`, model: `/peers/${encodeURIComponent(path.basename(file))}`};
  }
  if (packaged.includes('litert')) {
    // It imports a package by name, which a page cannot.
    site.files['/litert.js'] = await bundleForPage(path.join(LITERT_FOLDER, 'dist/index.js'));
    site.folders['/litert/'] = path.join(LITERT_FOLDER, 'wasm');
    site.urls.litert.script = '/litert.js';
  }
  if (packaged.includes('ort')) {
    site.folders['/ort/'] = ORT_FOLDER;
    site.urls.ort.script = '/ort/ort.wasm.min.mjs';
  }
  return site;
}

/** @returns {boolean} whether the benchmarks' own packages are there in the versions of the lock file */
export function peersInstalled() {
  const wanted = readJson(path.join(FOLDER, 'package-lock.json')).packages;
  const hidden = path.join(MODULES, '.package-lock.json');
  const found = existsSync(hidden) ? readJson(hidden).packages : {};
  return Object.entries(wanted).every(([name, {version}]) => name === '' || found[name]?.version === version);
}

async function install(onProgress) {
  if (peersInstalled()) return;
  onProgress('installing the peers (npm ci in benchmarks/)');
  // --prefix: npm would take the folder of the script that it runs, which is the root of the repository.
  const args = ['ci', '--prefix', FOLDER];
  const npm = process.env.npm_execpath;
  try {
    await (npm
      ? promisify(execFile)(process.execPath, [npm, ...args], {cwd: FOLDER})
      : promisify(execFile)('npm', args, {cwd: FOLDER, shell: process.platform === 'win32'}));
  } catch (error) {
    const [line = error.message] = /npm (error|ERR!) .*/.exec(error.stderr ?? '') ?? [];
    throw new UserError(`the peers could not be installed: npm ci in benchmarks/ says "${line}"; try it by hand`);
  }
}

function versionOf(folder) {
  return readJson(path.join(folder, 'package.json')).version;
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
