// tfjs then checks every kernel for leaked data, and does not advertise its Node backend.
require('@tensorflow/tfjs-core').env().set('IS_TEST', true);
