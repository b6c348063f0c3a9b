// Strings as SSH puts them on the wire (RFC 4251): a big-endian 32-bit length and the bytes.

import { concat } from "./bytes.js";

export function number(value) {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Strings, one after the other. */
export function strings(...all) {
  return concat(...all.flatMap((bytes) => [number(bytes.length), bytes]));
}

/** Takes strings from the front of bytes; null where there is none. */
export class Reader {
  constructor(bytes) {
    this.rest = bytes;
  }

  take() {
    if (this.rest === null || this.rest.length < 4) return (this.rest = null);
    const length = new DataView(this.rest.buffer, this.rest.byteOffset).getUint32(0);
    if (this.rest.length < 4 + length) return (this.rest = null);
    const string = this.rest.subarray(4, 4 + length);
    this.rest = this.rest.subarray(4 + length);
    return string;
  }

  /** Whether everything was there and nothing is left. */
  get done() {
    return this.rest !== null && this.rest.length === 0;
  }
}
