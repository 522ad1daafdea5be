import {registerBlockSparseBackend} from './backend';

registerBlockSparseBackend();

export {backendInfo, BlockSparseBackend, configure, type BackendInfo, type BlockSparseOptions} from './backend';
