/** The part of pngjs that tests use. */
declare module 'pngjs' {
  export class PNG {
    static readonly sync: {read(file: Uint8Array): PNG};
    readonly width: number;
    readonly height: number;
    /** Red, green, blue and opacity of each pixel, row by row. */
    readonly data: Uint8Array;
  }
}
