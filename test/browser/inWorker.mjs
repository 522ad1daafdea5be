// What pages do in a worker of theirs, which runs the same script /page.js.

/** Whether this is the worker. */
export const isWorker = typeof WorkerGlobalScope === 'function';

/** In the worker: answers what the page asks by what a function makes of it. */
export function answerWith(work) {
  addEventListener('message', ({data: request}) => {
    work(request).then(
      (report) => postMessage({report}),
      (error) => postMessage({error: String(error?.stack ?? error)}),
    );
  });
}

/** In the page: the worker's answer. */
export function askWorker(request) {
  const worker = new Worker('/page.js', {type: 'module'});
  return new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => (data.error === undefined ? resolve(data.report) : reject(new Error(data.error)));
    worker.onerror = ({message}) => reject(new Error(message));
    worker.postMessage(request);
  });
}
