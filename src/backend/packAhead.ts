import {getBackend} from '@tensorflow/tfjs-core';
import type {LayerPath} from '../plan';
import {options} from './config';
import {convProduct, type ConvAttrs, type ConvInputs} from './convolve';
import {resolveTaps} from './depthwiseConvolve';
import {matMulProduct, type MatMulAttrs} from './matMultiply';
import {activeBackend, BACKEND_NAME} from './register';

/** Milliseconds after which the event loop gets its turn. A layer is packed in one go. */
const SLICE_MS = 4;

/** The call of a kernel that is to come. */
export interface KernelCall {
  readonly kind: 'convolution' | 'depthwise' | 'matMul';
  /** `x` needs no data. A MatMul's operands are `x` and `filter`. */
  readonly inputs: ConvInputs;
  readonly attrs: ConvAttrs & MatMulAttrs;
}

/**
 * Packs the weights of calls before they come, in slices between turns of the event loop, the first of which is after
 * whatever runs now. Ends without a word where the backend is not, or no longer, active, and where something fails: first
 * use packs what is missing, and reports.
 *
 * @param calls is asked for one when there is time for it; may give `undefined` for a step of its own.
 */
export function packAhead(calls: Iterator<KernelCall | undefined>): void {
  const backend = activeBackend();
  const slice = () => {
    const end = performance.now() + SLICE_MS;
    try {
      do {
        const stock = (options().path as Partial<LayerPath>).kind === 'stock';
        if (stock || !backend || backend !== activeBackend() || getBackend() !== BACKEND_NAME) return;
        const {done, value} = calls.next();
        if (done) return;
        if (!value) continue;
        // What the kernel does before it computes.
        const {kind, inputs, attrs} = value;
        const {x, filter, bias} = inputs;
        if (kind === 'depthwise') {
          resolveTaps(backend, inputs, attrs);
        } else {
          const product =
            kind === 'matMul' ? matMulProduct({a: x, b: filter, bias}, attrs) : convProduct(inputs, attrs);
          if (product) backend.weightCache.resolve(product.filter.dataId, product.shape, backend);
        }
      } while (performance.now() < end);
      later();
    } catch {
      // See above.
    }
  };
  // Node is not to stay alive for it.
  const later = () => (setTimeout(slice) as {unref?(): void}).unref?.();
  later();
}
