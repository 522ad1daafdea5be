/** For processes whose output is compared: Jest asks its workers, and so their children, for colours on a terminal. */
export const plainEnv = {...process.env, FORCE_COLOR: undefined, NO_COLOR: '1'};
