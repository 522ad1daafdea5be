export {BlockSparseBackend} from './blockSparseBackend';
export {configure, options, type BlockSparseOptions} from './config';
export {backendInfo, type BackendInfo} from './info';
export {packAhead, type KernelCall} from './packAhead';
export {packedTensor} from './packedTensor';
export {BACKEND_NAME, registerBlockSparseBackend} from './register';
export type {PlanReport, StepReport, TaskReport} from './regions/planReport';
export {PlannedRuns} from './regions/plannedRuns';
