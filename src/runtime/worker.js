// A worker of the thread pool. Runs as a classic script, as a module and in Node. dist/worker.js for those who start their
// workers themselves (`configure({workerFactory})`), and embedded for those who do not.
(() => {
  let kernels;
  let memory;

  /** Two messages come: the kernels and the heap, answered when they fit; then the order that starts the work. */
  const hear = (message, reply) => {
    try {
      if (message.module) {
        memory = message.memory;
        kernels = new WebAssembly.Instance(message.module, {env: {memory}}).exports;
        reply({ready: true});
      } else {
        work(message); // returns when the pool stops
      }
    } catch (error) {
      reply({error: String(error)});
    }
  };

  const work = ({control, thread, failed, done}) => {
    try {
      kernels.work(control, thread);
    } catch (error) {
      // The caller may be waiting for what this thread was at.
      const words = new Int32Array(memory.buffer);
      Atomics.store(words, failed >> 2, 1);
      Atomics.notify(words, done >> 2);
      throw error;
    }
  };

  if (typeof importScripts === 'function' || typeof WorkerGlobalScope !== 'undefined') {
    addEventListener('message', ({data}) => hear(data, (answer) => postMessage(answer)));
  } else {
    const listen = ({parentPort}) => {
      parentPort.on('message', (message) => hear(message, (answer) => parentPort.postMessage(answer)));
    };
    const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
    if (threads) listen(threads);
    else import(['node', 'worker_threads'].join(':')).then(listen); // in a way that no bundler follows
  }
})();
