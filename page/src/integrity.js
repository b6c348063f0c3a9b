// Steps 8 to 10: the files are those of the signed manifest, and no others.

import { sha256 } from "./digest.js";
import { Failure, byPath, caught } from "./failure.js";
import { MANIFEST, STATEMENT, isUnlisted } from "./layout.js";
import { parseManifest } from "./manifest.js";
import { treeHeadOfLines } from "./merkle.js";
import { unreadable } from "./store.js";

/** Step 8: the manifest is the one that the statement is about, and well formed. */
export async function checkManifest(store, statement) {
  const failures = [];
  const bytes = await caught(failures, () => store.read(MANIFEST));
  if (bytes === undefined) return { failures };
  if ((await sha256(bytes)) !== statement.subject[0].digest.sha256) {
    const message = "it is not the manifest that the statement is about";
    failures.push(new Failure("manifest.changed", MANIFEST, message));
  }
  const manifest = await caught(failures, () => parseManifest(bytes));
  return { failures, manifest, bytes };
}

/** Step 9: the signed tree head is that of the manifest's lines. */
export function checkTree({ manifest: stated }, bytes) {
  const failures = [];
  const found = treeHeadOfLines(bytes);
  if (found.size !== stated.size) {
    const message = `the statement says ${stated.size} files, the manifest lists ${found.size}`;
    failures.push(new Failure("tree.size", STATEMENT, message));
  }
  if (found.root !== stated.root) {
    const message = `the statement's root is ${stated.root}, the manifest's lines give ${found.root}`;
    failures.push(new Failure("tree.root", STATEMENT, message));
  }
  return failures;
}

/** Step 10: every file that is there is listed and unchanged; which of the listed ones are absent. */
export async function checkFiles(store, manifest, progress) {
  const failures = [];
  const total = store.entries.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const [index, entry] of store.entries.entries()) {
    const listed = manifest.get(entry.path);
    if (listed === undefined && !isUnlisted(entry.path)) {
      failures.push(new Failure("file.unlisted", entry.path, "it is not listed in the manifest"));
    }
    await caught(failures, () =>
      checkFile(store, entry, listed, (bytes) => {
        done += bytes;
        progress({ files: index + 1, of: store.entries.length, bytes: done, ofBytes: total });
      }),
    );
  }
  failures.sort(byPath);
  const absent = [...manifest.keys()].filter((path) => store.find(path) === undefined);
  return { failures, absent, hashed: store.entries.length };
}

async function checkFile(store, entry, listed, onBytes) {
  let found;
  try {
    found = await store.fingerprint(entry, onBytes);
  } catch (error) {
    throw unreadable(entry.path, error);
  }
  if (listed !== undefined && listed !== found.sha256) {
    throw new Failure("file.changed", entry.path, "its SHA-256 is not the one in the manifest");
  }
  if (entry.crc32 !== found.crc32) {
    throw new Failure("archive.checksum", entry.path, "its CRC-32 is not the one in the archive");
  }
}
