import {loadGraphModel} from '@tensorflow/tfjs-converter';

/**
 * Loads a model for the backend in force. Runs in Node and in a page.
 *
 * @param {'graph' | 'layers'} format
 * @param {string | import('@tensorflow/tfjs-core').io.IOHandler} source URL of its JSON, or what reads it
 * @returns {Promise<import('@tensorflow/tfjs-converter').GraphModel | import('@tensorflow/tfjs-layers').LayersModel>}
 */
export async function loadModel(format, source) {
  if (format === 'graph') return loadGraphModel(source);
  // Only here: tfjs-layers is large, and few models need it.
  const [{loadLayersModel}, {registerUpscalerLayers}] = await Promise.all([
    import('@tensorflow/tfjs-layers'),
    import('./upscalerLayers.mjs'),
  ]);
  registerUpscalerLayers();
  return loadLayersModel(source);
}
