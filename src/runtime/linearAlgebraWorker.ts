// A worker for linearAlgebra.ts, embedded as a classic script for pages and Node. The first message brings the compiled
// module, all others are requests.
import {type AlgebraRequest, LinearAlgebra} from './linearAlgebraModule';
import {buffersOf} from './transfer';

/** A port of this thread's to the one that started it. */
type Reply = (message: object, transfer?: ArrayBuffer[]) => void;

interface NodeThreads {
  readonly parentPort: {postMessage: Reply; on(type: 'message', listener: (message: Message) => void): void};
}

type Message = AlgebraRequest | {readonly module: WebAssembly.Module};

let algebra: LinearAlgebra;

function hear(message: Message, reply: Reply): void {
  try {
    if ('module' in message) {
      algebra = new LinearAlgebra(new WebAssembly.Instance(message.module));
      reply({ready: true});
    } else {
      const answer = algebra.answer(message);
      reply(answer, buffersOf(answer));
    }
  } catch (error) {
    reply({error: String(error)});
  }
}

if (typeof WorkerGlobalScope !== 'undefined') {
  const scope = globalThis as unknown as {postMessage: Reply};
  addEventListener('message', ({data}) =>
    hear(data as Message, (answer, transfer) => scope.postMessage(answer, transfer)),
  );
} else {
  void import(['node', 'worker_threads'].join(':')).then(({parentPort}: NodeThreads) => {
    parentPort.on('message', (message) =>
      hear(message, (answer, transfer) => parentPort.postMessage(answer, transfer)),
    );
  });
}

declare const WorkerGlobalScope: unknown;
