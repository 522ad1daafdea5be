/** The part of pngjs that is used here and in tests. */
declare module 'pngjs' {
  export class PNG {
    static readonly sync: {read(file: Uint8Array): PNG; write(png: PNG): Uint8Array};
    constructor(size: {width: number; height: number});
    readonly width: number;
    readonly height: number;
    /** Red, green, blue and opacity of each pixel, row by row. */
    readonly data: Uint8Array;
  }
}
