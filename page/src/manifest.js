// MANIFEST.sha256: sorted `<sha256>  <path>` lines that `sha256sum -c` reads. `commitments.txt` has the same form.

import { isDigest, text } from "./bytes.js";
import { Failure } from "./failure.js";
import { MANIFEST, isUnlisted } from "./layout.js";
import { PathProblem, PathSet } from "./path.js";

const wrong = (code, message) => new Failure(code, MANIFEST, message);

/** The digests by path, in the order of the lines; throws the first deviation from the one form. */
export function parseManifest(bytes) {
  const whole = text(bytes);
  if (whole === null) throw wrong("manifest.line", "the manifest is not UTF-8 text");
  if (!whole.endsWith("\n")) {
    throw wrong("manifest.newline", "the manifest does not end with a line feed; it may be cut off");
  }
  const digests = new Map();
  const paths = new PathSet();
  let previous = "";
  whole
    .slice(0, -1)
    .split("\n")
    .forEach((line, index) => {
      const number = index + 1;
      const { sha256, path } = parseLine(line, number);
      if (path < previous) {
        const message = `line ${number} is out of order: the lines are sorted by the bytes of their paths`;
        throw wrong("manifest.order", message);
      }
      insert(paths, path, number);
      if (isUnlisted(path)) throw wrong("manifest.path", `line ${number} lists \`${path}\`, which no manifest lists`);
      digests.set(path, sha256);
      previous = path;
    });
  return digests;
}

function parseLine(line, number) {
  if (line.endsWith("\r")) throw wrong("manifest.line", `line ${number} ends with a carriage return`);
  const gap = line.indexOf("  ");
  if (gap === -1) throw wrong("manifest.line", `line ${number} is not \`<sha256>\`, two spaces and a path`);
  const sha256 = line.slice(0, gap);
  if (!isDigest(sha256)) {
    throw wrong("manifest.line", `line ${number} does not begin with 64 lowercase hexadecimal digits`);
  }
  return { sha256, path: line.slice(gap + 2) };
}

function insert(paths, path, number) {
  try {
    paths.insert(path);
  } catch (problem) {
    if (!(problem instanceof PathProblem)) throw problem;
    const named = { duplicate: "manifest.duplicate", "case-twin": "manifest.case-twin" };
    throw wrong(named[problem.kind] ?? "manifest.path", `line ${number}: ${problem.message}`);
  }
}
