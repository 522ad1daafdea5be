export {BlockSparseBackend} from './blockSparseBackend';
export {configure, options, type BlockSparseOptions} from './config';
export {backendInfo, type BackendInfo} from './info';
export {packAhead, type KernelCall} from './packAhead';
export {BACKEND_NAME, registerBlockSparseBackend} from './register';
