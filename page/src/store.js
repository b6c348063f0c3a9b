// The files of a bundle as they lie there, folder or archive: nothing extracted, everything read by slices.

import { readDirectory } from "./archive.js";
import { Sha256, crc32, sha256 } from "./digest.js";
import { hex } from "./bytes.js";
import { Failure, escaped } from "./failure.js";
import { LIMITS } from "./layout.js";
import { PathProblem, PathSet } from "./path.js";

/** Small reads that follow each other are served from one larger one. */
const WINDOW = 4 * 2 ** 20;
/** Larger files are hashed piece by piece, by our own SHA-256. */
const HELD = 256 * 2 ** 20;
const PIECE = 8 * 2 ** 20;
/** Folders in folders: a path of 180 characters has at most 90 names. */
const DEEPEST = 90;

/** A file, read by slices: an archive's through a window. */
class Source {
  #file;
  #ahead;
  #start = 0;
  #window = new Uint8Array(0);

  constructor(file, ahead) {
    this.#file = file;
    this.#ahead = ahead;
  }

  async read(offset, length) {
    const end = offset + length;
    if (end > this.#file.size) throw new Error("it ends too early");
    if (length >= this.#ahead) return this.#slice(offset, end);
    if (offset < this.#start || end > this.#start + this.#window.length) {
      this.#window = await this.#slice(offset, Math.min(offset + this.#ahead, this.#file.size));
      this.#start = offset;
    }
    return this.#window.subarray(offset - this.#start, end - this.#start);
  }

  async #slice(start, end) {
    const bytes = new Uint8Array(await this.#file.slice(start, end).arrayBuffer());
    if (bytes.length !== end - start) throw new Error("its size changed while it was read");
    return bytes;
  }
}

/** An opened bundle: `entries` sorted by path, `top` the archive's folder and null for a folder. */
export class Store {
  #byPath;

  constructor(top, entries) {
    this.top = top;
    this.entries = entries;
    this.#byPath = new Map(entries.map((entry) => [entry.path, entry]));
  }

  find(path) {
    return this.#byPath.get(path);
  }

  /** A whole file of at most `limit` bytes. */
  async read(path, limit = LIMITS.heldBytes) {
    const entry = this.find(path);
    if (entry === undefined) throw new Failure("file.absent", path, "it is missing");
    if (entry.size > limit) {
      throw new Failure("limit.held-size", path, `it has ${entry.size} bytes; the limit is ${limit}`);
    }
    try {
      return await entry.source.read(entry.offset, entry.size);
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  /** A file's bytes in pieces. */
  async *pieces(entry) {
    for (let at = 0; at < entry.size; at += PIECE) {
      yield await entry.source.read(entry.offset + at, Math.min(PIECE, entry.size - at));
    }
  }

  /** A file's SHA-256 and, in an archive, its CRC-32. */
  async fingerprint(entry, onBytes = () => {}) {
    if (entry.size <= HELD) {
      const bytes = await entry.source.read(entry.offset, entry.size);
      const print = { sha256: await sha256(bytes), crc32: entry.crc32 === null ? null : crc32(bytes) };
      onBytes(entry.size);
      return print;
    }
    const hash = new Sha256();
    let crc = 0;
    for await (const piece of this.pieces(entry)) {
      hash.update(piece);
      crc = crc32(piece, crc);
      onBytes(piece.length);
    }
    return { sha256: hex(hash.finish()), crc32: entry.crc32 === null ? null : crc };
  }
}

export const unreadable = (path, error) =>
  new Failure("file.unreadable", path, `it cannot be read: ${error.message}`);

/** Opens what was chosen; throws a list of failures. */
export async function openStore(chosen) {
  const store = chosen.archive ? await openArchive(chosen.archive) : openFolder(chosen);
  checkSizes(store);
  return store;
}

async function openArchive(file) {
  const source = new Source(file, WINDOW);
  const read = async (offset, length) => {
    try {
      return await source.read(offset, length);
    } catch (error) {
      throw new Failure("archive.unreadable", null, `the archive cannot be read: ${error.message}`);
    }
  };
  let opened;
  try {
    opened = await readDirectory(file.size, read);
  } catch (error) {
    throw error instanceof Failure ? [error] : error;
  }
  const entries = opened.members.map(({ path, size, crc32, data }) => ({ path, size, crc32, source, offset: data }));
  return new Store(opened.top, entries);
}

/** A folder's files with their paths, and the paths of those of its folders that are empty. */
function openFolder({ files, emptyFolders }) {
  const isTooDeep = ({ path }) => path.split("/").length > DEEPEST + 1;
  if (files.length > LIMITS.files || files.some(isTooDeep)) {
    throw [new Failure("limit.files", null, `the folder has more than ${LIMITS.files} files or is too deep`)];
  }
  const failures = emptyFolders.map(
    (path) => new Failure("folder.empty", escaped(path), "an empty folder does not belong to a bundle"),
  );
  const entries = files.map(({ path, file }) => {
    return { path, size: file.size, crc32: null, source: new Source(file, 0), offset: 0 };
  });
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const paths = new PathSet();
  for (const { path } of entries) {
    try {
      paths.insert(path);
    } catch (problem) {
      if (!(problem instanceof PathProblem)) throw problem;
      failures.push(new Failure("folder.path", path, problem.message));
    }
  }
  if (failures.length > 0) throw failures;
  return new Store(null, entries);
}

function checkSizes({ entries }) {
  let total = 0;
  for (const { path, size } of entries) {
    total += size;
    if (size > LIMITS.fileBytes) {
      throw [new Failure("limit.file-size", path, `it has ${size} bytes; the limit is ${LIMITS.fileBytes}`)];
    }
  }
  if (total > LIMITS.totalBytes) {
    const message = `all files together have ${total} bytes; the limit is ${LIMITS.totalBytes}`;
    throw [new Failure("limit.total-size", null, message)];
  }
}
