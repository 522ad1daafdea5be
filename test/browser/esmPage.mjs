// A page as an app with a bundler has it: everything imported.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from 'tfjs-backend-blocksparse-1xn';
import {comparePage} from './comparePage.mjs';

globalThis.compareInPage = (request) => comparePage({tf, loadGraphModel, setWasmPaths, blocksparse}, request);
