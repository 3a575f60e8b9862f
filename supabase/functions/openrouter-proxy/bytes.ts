/** `Uint8Array<ArrayBuffer>` in a spelling that TypeScript 5.6 (Deno 2.1.4) also knows. */
export type Bytes = ReturnType<typeof Uint8Array.of>;
