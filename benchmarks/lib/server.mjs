import {createReadStream} from 'node:fs';
import {stat} from 'node:fs/promises';
import {createServer} from 'node:http';
import path from 'node:path';
import {text} from 'node:stream/consumers';
import {pipeline} from 'node:stream/promises';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Make a page cross-origin isolated: shared memory, and a clock that ticks every 5 microseconds instead of 100. */
export const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * A static server on a free port of the loopback interface.
 *
 * @param {object} site
 * @param {Record<string, string>} site.files URL path to content
 * @param {Record<string, string>} [site.folders] URL prefix that ends in a slash, to an absolute folder
 * @param {Record<string, string>} [site.headers] sent with every answer
 * @param {Record<string, (body: string) => void>} [site.posts] URL path to what takes the text that a page posts there
 * @returns {Promise<{url: string, close: () => Promise<void>}>} `url` without a slash at its end
 */
export async function serve({files, folders = {}, headers = {}, posts = {}}) {
  const site = {files, folders, posts, headers: {'Cache-Control': 'no-store', ...headers}};
  const server = createServer((request, response) => {
    answer(request, response, site).catch((error) => response.destroy(error));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

async function answer(request, response, {files, folders, headers, posts}) {
  const url = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  if (request.method === 'POST' && Object.hasOwn(posts, url)) {
    const body = await text(request);
    response.writeHead(204, headers).end();
    posts[url](body);
    return;
  }
  if (Object.hasOwn(files, url)) {
    response.writeHead(200, {...headers, 'Content-Type': contentType(url)}).end(files[url]);
    return;
  }
  const file = inFolders(url, folders);
  const found = file && (await stat(file).catch(() => null));
  if (found?.isFile()) {
    response.writeHead(200, {...headers, 'Content-Type': contentType(file), 'Content-Length': found.size});
    await pipeline(createReadStream(file), response);
    return;
  }
  // Browsers ask for an icon unasked: that none is there is no error.
  response.writeHead(url === '/favicon.ico' ? 204 : 404, headers).end();
}

function inFolders(url, folders) {
  const prefix = Object.keys(folders).find((key) => url.startsWith(key));
  if (prefix === undefined) return null;
  const file = path.join(folders[prefix], url.slice(prefix.length));
  return file.startsWith(folders[prefix] + path.sep) ? file : null;
}

function contentType(name) {
  return TYPES[name.endsWith('/') ? '.html' : path.extname(name)] ?? 'application/octet-stream';
}
