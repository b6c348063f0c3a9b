// Step 12: the place of a bundle in its series, and that no earlier one was dropped or exchanged.

import { isDigest, text } from "./bytes.js";
import { Failure, caught, escaped } from "./failure.js";
import { sha256 } from "./digest.js";
import { LEAVES } from "./layout.js";
import { treeHeadOfLines } from "./merkle.js";
import { isBundleId } from "./path.js";

/** The bytes of `chain/leaves.txt`, which every bundle lists and none may withhold. */
async function readLeaves(store, manifest) {
  const listed = manifest.get(LEAVES);
  if (listed === undefined || store.find(LEAVES) === undefined) {
    const message = "the list of earlier bundles is missing; it cannot be withheld";
    throw new Failure("chain.absent", LEAVES, message);
  }
  const bytes = await store.read(LEAVES);
  if ((await sha256(bytes)) !== listed) {
    throw new Failure("file.changed", LEAVES, "its SHA-256 is not the one in the manifest");
  }
  return bytes;
}

/** The earlier bundles, oldest first. */
function parseLeaves(bytes) {
  const wrong = (message) => new Failure("chain.format", LEAVES, message);
  const whole = text(bytes);
  if (whole === null) throw wrong("it is not UTF-8 text");
  const leaves = new Map();
  if (whole === "") return leaves;
  const lines = whole.split("\n");
  const last = lines.pop();
  if (last !== "") lines.push(null);
  lines.forEach((line, index) => {
    const gap = line === null ? -1 : line.indexOf("  ");
    const [statement, id] = gap === -1 ? ["", ""] : [line.slice(0, gap), line.slice(gap + 2)];
    if (!isDigest(statement) || !isBundleId(id)) {
      throw wrong(`line ${index + 1} is not \`<sha256>\`, two spaces, a bundle id and a line feed`);
    }
    if (leaves.has(id)) throw wrong(`line ${index + 1} names bundle \`${id}\` a second time`);
    leaves.set(id, statement);
  });
  return leaves;
}

/** What is wrong with what a statement says of its series. */
export async function checkChain(store, manifest, { chain, bundleId }) {
  const failures = [];
  const check = (holds, code, message) => {
    if (!holds) failures.push(new Failure(code, LEAVES, message));
  };
  await caught(failures, async () => {
    const bytes = await readLeaves(store, manifest);
    const leaves = parseLeaves(bytes);
    const { size, root } = treeHeadOfLines(bytes);
    const last = [...leaves.values()].at(-1) ?? null;
    check(
      chain.index === size && chain.sizeBefore === size,
      "chain.size",
      `the statement has index ${chain.index} after ${chain.sizeBefore} bundles, but ${size} earlier bundles are listed`,
    );
    const roots = `the listed earlier bundles give the root ${root}, the statement says ${chain.rootBefore}`;
    check(chain.rootBefore === root, "chain.root", roots);
    const previous = "the statement names another previous bundle than the last one listed";
    check(chain.previousStatementSha256 === last, "chain.previous", previous);
    const repeated = `bundle \`${bundleId}\` is listed among its own earlier bundles`;
    check(!leaves.has(bundleId), "chain.repeated", repeated);
  });
  return failures;
}

/** What is wrong with the bundle's place after those that the auditor has accepted so far; null for nothing. */
export function checkPin(chain, pin) {
  const fail = (code, message) => new Failure(code, null, message);
  if (chain.series !== pin.id) {
    const [is, should] = [escaped(chain.series), escaped(pin.id)];
    return fail("chain.series", `the bundle is of series \`${is}\`, the policy is for series \`${should}\``);
  }
  const { index } = chain;
  if (index > pin.size) {
    const ask = `ask for the bundles with index ${pin.size} to ${index - 1n}`;
    const message = `the bundle has index ${index}, but ${pin.size} bundles of its series have been accepted; ${ask}`;
    return fail("chain.skipped", message);
  }
  if (index < pin.size) {
    const earlier = "an earlier bundle is verified with the policy of its time";
    const accepted = `${pin.size} bundles of its series have been accepted already`;
    return fail("chain.reordered", `the bundle has index ${index}, but ${accepted}; ${earlier}`);
  }
  if (chain.rootBefore !== pin.root) {
    const message = "the bundle continues other earlier bundles than the ones that were accepted";
    return fail("chain.forked", message);
  }
  return null;
}
