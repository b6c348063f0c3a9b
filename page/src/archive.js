// The one canonical ZIP of a list of files: STORED, 1980-01-01, mode 0644, one top folder, sorted, no extras.

import { concat, equal, utf8 } from "./bytes.js";
import { Failure, escaped } from "./failure.js";
import { LIMITS } from "./layout.js";
import { PathProblem, PathSet, isBundleId } from "./path.js";

const [LOCAL, CENTRAL, END, END64, LOCATOR64] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50];
const [FULL16, FULL32] = [0xffff, 0xffffffff];
const [PLAIN, ZIP64, UNIX] = [10, 45, 0x032d];
const DATE = 0x0021;
const REGULAR_0644 = 0o100644 * 0x10000;
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** Little-endian numbers, one after the other. */
class Writer {
  parts = [];

  put(size, ...values) {
    for (const value of values) {
      const bytes = new Uint8Array(size);
      let rest = BigInt(value);
      for (let at = 0; at < size; at += 1, rest >>= 8n) bytes[at] = Number(rest & 255n);
      this.parts.push(bytes);
    }
    return this;
  }

  bytes(bytes) {
    this.parts.push(bytes);
    return this;
  }

  done() {
    return concat(...this.parts);
  }
}

const large = (value) => value >= FULL32;
const short = (value) => (large(value) ? FULL32 : value);

/** Flags to sizes: the same in both headers. */
function putCommon(out, member) {
  out.put(2, 0, 0, 0, DATE).put(4, member.crc32, short(member.size), short(member.size));
}

const putZip64 = (out, values) => out.put(2, 1, 8 * values.length).put(8, ...values);

/** The header before a member's data. */
export function localHeader(top, member) {
  const name = utf8(`${top}/${member.path}`);
  const isLarge = large(member.size);
  const out = new Writer().put(4, LOCAL).put(2, isLarge ? ZIP64 : PLAIN);
  putCommon(out, member);
  out.put(2, name.length, isLarge ? 20 : 0).bytes(name);
  if (isLarge) putZip64(out, [member.size, member.size]);
  return out.done();
}

/** Gives each member the offsets of its header and data; returns where the central directory begins. */
function place(top, members) {
  let offset = 0;
  for (const member of members) {
    member.header = offset;
    member.data = offset + 30 + top.length + 1 + member.path.length + (large(member.size) ? 20 : 0);
    offset = member.data + member.size;
  }
  return offset;
}

/** The central directory and end records of an archive of `members`, the directory being at `start`. */
function directory(top, members, start) {
  const out = new Writer();
  for (const member of members) {
    const name = utf8(`${top}/${member.path}`);
    const beyond = large(member.size) ? [member.size, member.size] : [];
    if (large(member.header)) beyond.push(member.header);
    out.put(4, CENTRAL).put(2, UNIX, beyond.length > 0 ? ZIP64 : PLAIN);
    putCommon(out, member);
    out.put(2, name.length, beyond.length > 0 ? 4 + 8 * beyond.length : 0, 0, 0, 0);
    out.put(4, REGULAR_0644, short(member.header)).bytes(name);
    if (beyond.length > 0) putZip64(out, beyond);
  }
  const central = out.done();
  const end = new Writer().bytes(central);
  const count = members.length;
  if (count >= FULL16 || large(central.length) || large(start)) {
    end.put(4, END64).put(8, 44).put(2, UNIX, ZIP64).put(4, 0, 0).put(8, count, count, central.length, start);
    end.put(4, LOCATOR64, 0).put(8, start + central.length).put(4, 1);
  }
  const shortCount = Math.min(count, FULL16);
  end.put(4, END, 0).put(2, shortCount, shortCount).put(4, short(central.length), short(start)).put(2, 0);
  return end.done();
}

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const number64 = (bytes, at) => Number(view(bytes).getBigUint64(at, true));

const noEnd = () =>
  new Failure(
    "archive.end",
    null,
    "the archive does not end with an end record without comment: it is cut off, something was appended, or it is no ZIP",
  );

/** Reads the directory of an archive of `length` bytes through `read`, which gives bytes from an offset. */
export async function readDirectory(length, read) {
  const { start, finish, count } = await readEnd(length, read);
  if (count > LIMITS.files) {
    throw new Failure("limit.files", null, `the archive has ${count} files; the limit is ${LIMITS.files}`);
  }
  const size = finish - start;
  if (size < 0 || size > count * (46 + 64 + 1 + 180 + 28)) {
    throw new Failure("archive.end", null, "the end record does not say where the central directory is");
  }
  const { top, members } = parseCentral(await read(start, size), count);
  const expectedStart = place(top, members);
  if (expectedStart !== start) {
    const gaps = "entries overlap, leave gaps, or follow other data";
    const message = `the files take ${expectedStart} bytes but the central directory is at ${start}: ${gaps}`;
    throw new Failure("archive.offsets", null, message);
  }
  const tail = await read(start, length - start);
  const expected = directory(top, members, start);
  if (!equal(tail, expected)) {
    const at = tail.findIndex((byte, index) => byte !== expected[index]);
    const place = start + (at === -1 ? tail.length : at);
    const message = `the archive differs at byte ${place} from the one way to write its files`;
    throw new Failure("archive.differs", null, message);
  }
  for (const member of members) {
    const header = localHeader(top, member);
    const is = member.header + header.length <= length ? await read(member.header, header.length) : [];
    if (!equal(is, header)) {
      const why = "differs from the one way to write it: it disagrees with the central directory";
      throw new Failure("archive.header", member.path, `the header at byte ${member.header} ${why}`);
    }
  }
  return { top, members };
}

async function readEnd(length, read) {
  const at = length - 22;
  if (at < 0) throw noEnd();
  const end = await read(at, 22);
  if (view(end).getUint32(0, true) !== END || view(end).getUint16(20, true) !== 0) throw noEnd();
  const found = { count: view(end).getUint16(10, true), start: view(end).getUint32(16, true), finish: at };
  const at64 = at - 76;
  if (at64 >= 0) {
    const end64 = await read(at64, 56);
    if (view(end64).getUint32(0, true) === END64) {
      return { count: number64(end64, 32), start: number64(end64, 48), finish: at64 };
    }
  }
  return found;
}

function parseCentral(bytes, count) {
  const members = [];
  const paths = new PathSet();
  let top = null;
  let rest = bytes;
  for (let number = 1; number <= count; number += 1) {
    const entry = parseEntry(rest);
    if (entry === null) {
      throw new Failure("archive.entry", null, `entry ${number} of the central directory is malformed`);
    }
    rest = rest.subarray(entry.length);
    const wrong = (code, what) => new Failure(code, null, `entry \`${escaped(entry.name)}\` ${what}`);
    if (entry.method !== 0) throw wrong("archive.method", "is compressed; files are only ever stored");
    if (entry.attributes !== REGULAR_0644) {
      const what = "is not a regular file with mode 0644 (a link, folder or device?)";
      throw wrong("archive.attributes", what);
    }
    const slash = entry.name.indexOf("/");
    const folder = entry.name.slice(0, Math.max(slash, 0));
    if (slash === -1 || !isBundleId(folder)) {
      throw wrong("archive.path", "is not inside one top folder named like a bundle");
    }
    top ??= folder;
    if (top !== folder) throw wrong("archive.path", "is in a second top folder");
    const path = entry.name.slice(slash + 1);
    insert(paths, path);
    if (members.length > 0 && members.at(-1).path > path) throw wrong("archive.order", "is out of order");
    members.push({ path, size: entry.size, crc32: entry.crc32 });
  }
  if (top === null) throw new Failure("archive.entry", null, "the archive has no files");
  return { top, members };
}

function insert(paths, path) {
  try {
    paths.insert(path);
  } catch (problem) {
    if (!(problem instanceof PathProblem)) throw problem;
    const named = { duplicate: "archive.duplicate", "case-twin": "archive.case-twin" };
    throw new Failure(named[problem.kind] ?? "archive.path", null, problem.message);
  }
}

function parseEntry(bytes) {
  if (bytes.length < 46) return null;
  const fixed = view(bytes);
  if (fixed.getUint32(0, true) !== CENTRAL) return null;
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((at) => fixed.getUint16(at, true));
  const length = 46 + nameLength + extraLength + commentLength;
  if (bytes.length < length) return null;
  const extra = bytes.subarray(46 + nameLength, 46 + nameLength + extraLength);
  let size = fixed.getUint32(24, true);
  if (size === FULL32) {
    if (extra.length < 12) return null;
    size = number64(extra, 4);
  }
  // Beyond this no offset would be exact.
  if (size >= 2 ** 50) return null;
  return {
    length,
    name: lenient.decode(bytes.subarray(46, 46 + nameLength)),
    method: fixed.getUint16(10, true),
    attributes: fixed.getUint32(38, true),
    crc32: fixed.getUint32(16, true),
    size,
  };
}
