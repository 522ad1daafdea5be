import type {KernelConfig} from '@tensorflow/tfjs-core';
import {addConfig} from './add';
import {addNConfig} from './addN';
import {avgPoolConfig} from './avgPool';
import {batchMatMulConfig} from './batchMatMul';
import {castConfig} from './cast';
import {concatConfig} from './concat';
import {conv2DConfig} from './conv2d';
import {conv2DBackpropFilterConfig} from './conv2DBackpropFilter';
import {conv2DBackpropInputConfig} from './conv2DBackpropInput';
import {depthToSpaceConfig} from './depthToSpace';
import {depthwiseConv2dConfig} from './depthwiseConv2d';
import {depthwiseConv2dNativeBackpropFilterConfig} from './depthwiseConv2dNativeBackpropFilter';
import {depthwiseConv2dNativeBackpropInputConfig} from './depthwiseConv2dNativeBackpropInput';
import {equalConfig} from './equal';
import {fusedConv2DConfig} from './fusedConv2d';
import {fusedDepthwiseConv2DConfig} from './fusedDepthwiseConv2d';
import {fusedMatMulConfig} from './fusedMatMul';
import {gatherV2Config} from './gatherV2';
import {identityConfig} from './identity';
import {leakyReluConfig} from './leakyRelu';
import {lessEqualConfig} from './lessEqual';
import {maximumConfig} from './maximum';
import {maxPoolConfig} from './maxPool';
import {meanConfig, sumConfig} from './mean';
import {minimumConfig} from './minimum';
import {multiplyConfig} from './multiply';
import {packConfig} from './pack';
import {padV2Config} from './padV2';
import {preluConfig} from './prelu';
import {realDivConfig} from './realDiv';
import {reluConfig} from './relu';
import {relu6Config} from './relu6';
import {relu6GradConfig, reluGradConfig} from './reluGradients';
import {resizeBilinearConfig} from './resizeBilinear';
import {resizeNearestNeighborConfig} from './resizeNearestNeighbor';
import {sigmoidConfig} from './sigmoid';
import {sliceConfig} from './slice';
import {softmaxConfig} from './softmax';
import {stridedSliceConfig} from './stridedSlice';
import {subConfig} from './sub';
import {tileConfig} from './tile';
import {topKConfig} from './topK';
import {unpackConfig} from './unpack';

/** Our kernels, each in the place of a stock one of the same name. */
export const kernelConfigs: readonly KernelConfig[] = [
  addConfig,
  addNConfig,
  avgPoolConfig,
  batchMatMulConfig,
  castConfig,
  concatConfig,
  conv2DConfig,
  conv2DBackpropFilterConfig,
  conv2DBackpropInputConfig,
  depthToSpaceConfig,
  depthwiseConv2dConfig,
  depthwiseConv2dNativeBackpropFilterConfig,
  depthwiseConv2dNativeBackpropInputConfig,
  equalConfig,
  fusedConv2DConfig,
  fusedDepthwiseConv2DConfig,
  fusedMatMulConfig,
  gatherV2Config,
  identityConfig,
  leakyReluConfig,
  lessEqualConfig,
  maximumConfig,
  maxPoolConfig,
  meanConfig,
  minimumConfig,
  multiplyConfig,
  packConfig,
  padV2Config,
  preluConfig,
  realDivConfig,
  reluConfig,
  relu6Config,
  relu6GradConfig,
  reluGradConfig,
  resizeBilinearConfig,
  resizeNearestNeighborConfig,
  sigmoidConfig,
  sliceConfig,
  softmaxConfig,
  stridedSliceConfig,
  subConfig,
  sumConfig,
  tileConfig,
  topKConfig,
  unpackConfig,
];
