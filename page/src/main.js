// The page: takes a policy and a bundle, verifies whenever one of them or an option changes, and shows the result.

import { acceptDrops, folderDropped, folderOf, ignoreOtherDrops } from "./choose.js";
import { element } from "./element.js";
import { policyView } from "./show_policy.js";
import { resultView, verdictView } from "./show_result.js";
import { SECOND, parseClock } from "./time.js";
import { PolicyError, parsePolicy } from "./trust_policy.js";
import { verify } from "./verify.js";

const at = (id) => document.getElementById(id);
/** A policy has some keys; nothing of megabytes is one. */
const POLICY_BYTES = 16 * 2 ** 20;
const chosen = { policy: null, bundle: null };
/** Counts verifications, so that one that was overtaken shows nothing. */
let latest = 0;

function say(id, ...inside) {
  at(id).replaceChildren(...inside);
}

const named = (name, what) => [element("b", "", name), ` ${what}`];

async function usePolicy(file) {
  chosen.policy = null;
  at("policy-view").hidden = true;
  try {
    if (file.size > POLICY_BYTES) throw new PolicyError("it is too large for a policy");
    chosen.policy = await parsePolicy(new Uint8Array(await file.arrayBuffer()));
    say("policy-state", ...named(file.name, "is the policy."));
    say("policy-view", ...(await policyView(chosen.policy)));
    at("policy-view").hidden = false;
  } catch (error) {
    const reason = error instanceof PolicyError ? error.message : `it cannot be read: ${error.message}`;
    say("policy-state", ...named(file.name, `is no policy that can be used: ${reason}`));
  }
  await run();
}

async function useBundle(bundle, name, what) {
  chosen.bundle = bundle;
  say("bundle-state", ...named(name, what));
  await run();
}

const useArchive = (file) => useBundle({ archive: file }, file.name, `(${size(file.size)})`);
const useFolder = (folder) => useBundle(folder, folder.name, `(a folder of ${folder.files.length} files)`);

async function useDropped({ file, folder }) {
  try {
    if (folder === null) await useArchive(file);
    else await useFolder(await folderDropped(folder));
  } catch (error) {
    chosen.bundle = null;
    say("bundle-state", `What was dropped cannot be read: ${error.message}. Choose it in a dialog instead.`);
    await run();
  }
}

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** The time in the field, or null when it is none. */
function clock() {
  const written = at("as-of").value.trim();
  const time = written === "" ? BigInt(Math.floor(Date.now() / 1000)) * SECOND : parseClock(written);
  at("as-of").setAttribute("aria-invalid", String(time === null));
  return time;
}

async function run() {
  const number = (latest += 1);
  const now = clock();
  at("result").hidden = true;
  const missing = [
    chosen.policy === null ? "a policy" : null,
    chosen.bundle === null ? "a bundle" : null,
    now === null ? "a time that can be read" : null,
  ].filter((what) => what !== null);
  if (missing.length > 0) {
    say("verdict", element("p", "state", `Choose ${missing.join(" and ")}.`));
    return;
  }
  say("verdict", element("p", "state", "Checking …"));
  const progress = (done) => showProgress(number, done);
  const options = { now, allowWithheld: at("allow-withheld").checked, progress };
  try {
    const { result, statement } = await verify(chosen.bundle, chosen.policy, options);
    if (number === latest) show(result, statement);
  } catch (error) {
    if (number === latest) say("verdict", element("p", "callout invalid", `The page failed; the bundle was not judged: ${error.message}`));
  } finally {
    if (number === latest) at("progress").hidden = true;
  }
}

function showProgress(number, { files, of, bytes, ofBytes }) {
  if (number !== latest) return;
  at("progress").hidden = false;
  at("progress-bar").value = ofBytes === 0 ? 1 : bytes / ofBytes;
  say("progress-text", `${files} of ${of} files, ${size(bytes)} of ${size(ofBytes)}`);
}

function show(result, statement) {
  const json = `${JSON.stringify(result, null, 2)}\n`;
  say("verdict", verdictView(result));
  const save = element("button", "", "Save the result as JSON");
  save.addEventListener("click", () => download(`${result.bundle_id ?? "bundle"}.verification.json`, json));
  const print = element("button", "plain", "Print");
  print.addEventListener("click", () => window.print());
  const raw = element("details", "", element("summary", "", "The result as JSON"), element("pre", "", json));
  raw.lastChild.id = "json";
  raw.lastChild.tabIndex = 0;
  say("result", ...resultView(result, statement), element("p", "actions", save, print), raw);
  at("result").hidden = false;
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = element("a", "");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

function start() {
  if (globalThis.crypto?.subtle === undefined) {
    say("verdict", element("p", "callout invalid", "This browser checks no signatures here. Open the page from a file, or over HTTPS."));
    return;
  }
  at("policy-file").addEventListener("change", ({ target }) => target.files[0] && usePolicy(target.files[0]));
  at("bundle-file").addEventListener("change", ({ target }) => target.files[0] && useArchive(target.files[0]));
  at("bundle-folder").addEventListener("change", ({ target }) => target.files[0] && useFolder(folderOf(target.files)));
  acceptDrops(at("policy-drop"), ({ file }) => usePolicy(file));
  acceptDrops(at("bundle-drop"), useDropped);
  ignoreOtherDrops();
  at("as-of").addEventListener("change", run);
  at("allow-withheld").addEventListener("change", run);
}

start();
