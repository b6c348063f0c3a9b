// Merkle tree heads as in RFC 9162, section 2.1.1, over the lines of a text.

import { hex } from "./bytes.js";
import { Sha256 } from "./digest.js";

function hash(...parts) {
  const hasher = new Sha256();
  for (const part of parts) hasher.update(part);
  return hasher.finish();
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The number of lines, as BigInt, and the tree's root. */
export function treeHeadOfLines(bytes) {
  // Roots of the complete subtrees so far, largest first: one for each bit that is set in `size`.
  const complete = [];
  let size = 0;
  for (const line of lines(bytes)) {
    let node = hash(LEAF, line);
    for (let bits = size; bits & 1; bits >>= 1) node = hash(NODE, complete.pop(), node);
    complete.push(node);
    size += 1;
  }
  const root = complete.length === 0 ? hash() : complete.reduceRight((right, left) => hash(NODE, left, right));
  return { size: BigInt(size), root: hex(root) };
}

function* lines(bytes) {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(10, start);
    const end = found === -1 ? bytes.length : found;
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}
