// One thing that is wrong with a bundle, by the stable name that docs/bundle-format.md explains.

/** Thrown by a check that ends at the first thing that is wrong; caught by the step that it belongs to. */
export class Failure {
  constructor(code, path, message) {
    this.code = code;
    if (path !== null) this.path = path;
    this.message = message;
  }
}

/** Runs a check; what it found wrong is added to `failures`. Errors of the page itself go on. */
export async function caught(failures, check) {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    failures.push(error);
    return undefined;
  }
}

/** The order of failures about files: those about no file first, then by path. */
export function byPath(a, b) {
  const [left, right] = [a.path ?? "", b.path ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Hostile text as it may stand in a message: nothing but visible ASCII. */
export function escaped(text) {
  return escapedBut(text, () => false);
}

/** The same, with what people write with in any language left as it is. */
export function escapedLightly(text) {
  return escapedBut(text, (character) => /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character));
}

function escapedBut(text, kept) {
  const named = { "\t": "\\t", "\r": "\\r", "\n": "\\n", "\\": "\\\\", "'": "\\'", '"': '\\"' };
  let shown = "";
  for (const character of text) {
    if (Object.hasOwn(named, character)) shown += named[character];
    else if ((character >= " " && character <= "~") || kept(character)) shown += character;
    else shown += `\\u{${character.codePointAt(0).toString(16)}}`;
  }
  return shown;
}
