// Which paths may be in a bundle: ones that every file system and archive tool treats alike.

import { utf8 } from "./bytes.js";
import { escaped } from "./failure.js";

const MAX_PATH = 180;
const MAX_ID = 64;
const NAME = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/i;

const isPlain = (name) => NAME.test(name);
const isDevice = (name) => DEVICE.test(name.split(".")[0]);

/** Whether a text can name a bundle. */
export function isBundleId(id) {
  return id.length <= MAX_ID && isPlain(id) && !isDevice(id);
}

/** Why a path cannot be in a bundle: its kind and a sentence. */
export class PathProblem {
  constructor(kind, message) {
    this.kind = kind;
    this.message = message;
  }
}

/** Throws the first rule that a path breaks. */
export function checkPath(path) {
  if (utf8(path).length > MAX_PATH) {
    throw new PathProblem("long", `path \`${escaped(path)}\` is longer than ${MAX_PATH} characters`);
  }
  for (const name of path.split("/")) {
    if (!isPlain(name)) {
      const rule = "`/`-separated names of the characters A-Z a-z 0-9 . _ - without a leading or trailing dot";
      throw new PathProblem("name", `path \`${escaped(path)}\` is not made of ${rule}`);
    }
    if (isDevice(name)) {
      throw new PathProblem("device", `path \`${escaped(path)}\` contains \`${name}\`, a device name on Windows`);
    }
  }
}

/** Paths that can live in one folder on any file system. */
export class PathSet {
  #known = new Map();

  /** Adds a file's path after checking it alone and against the others. */
  insert(path) {
    checkPath(path);
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      this.#add(path.slice(0, end), "folder");
    }
    this.#add(path, "file");
  }

  #add(path, kind) {
    const known = this.#known.get(path.toLowerCase());
    if (known === undefined) {
      this.#known.set(path.toLowerCase(), { path, kind });
    } else if (known.path !== path) {
      throw new PathProblem("case-twin", `paths \`${known.path}\` and \`${path}\` differ only in case`);
    } else if (known.kind !== kind) {
      throw new PathProblem("file-and-folder", `path \`${path}\` is both a file and a folder`);
    } else if (kind === "file") {
      throw new PathProblem("duplicate", `path \`${path}\` is there twice`);
    }
  }
}
