// The verdict for people: first what it is, then every check, who signed and reviewed, what is withheld and not proven.

import { bulleted, code, element, facts, paragraph } from "./element.js";
import { written } from "./time.js";

const WORDS = {
  valid: ["valid", "Valid", "The bundle is what was sealed, complete, by a key that the policy trusts."],
  "valid-with-withheld-files": [
    "caution",
    "Valid, with withheld files",
    "What is here is what was sealed by a key that the policy trusts. Some of it is not here; see below.",
  ],
  invalid: ["invalid", "Invalid", "Something does not hold, or could not be checked. Do not rely on this bundle."],
};
/** What each step asks, in a sentence. */
const QUESTIONS = {
  2: "It is one bundle in its one form, with nothing hidden in it",
  3: "Its signature files have the one accepted form",
  4: "A key of the policy made a signature",
  5: "What was signed is understood, and its signer may sign it",
  6: "The statement and the SSH signature are those of the envelope",
  7: "The signer's key was good at the time",
  8: "The list of files is the one that was signed",
  9: "The list has the signed length and root",
  10: "Every listed file is here, unchanged, and no other",
  11: "Its records can be read in one way only",
  12: "It has its place in its series",
  13: "What the policy requires is met",
  14: "What is withheld is what a signed redaction says",
  15: "Nobody who reviewed it rejects it",
};
const OUTCOMES = {
  passed: ["valid", "✓ holds"],
  failed: ["invalid", "✗ fails"],
  "not-checked": ["caution", "not checked"],
};

/** What is read out when it changes. */
export function verdictView(result) {
  const [tone, word, sentence] = WORDS[result.verdict];
  const failed = result.checks.filter(({ outcome }) => outcome === "failed");
  const first = failed[0]?.failures[0];
  const why = first === undefined ? null : paragraph(`Step ${failed[0].step}: `, ...failureText(first));
  return element("div", `verdict ${tone}`, element("p", "word", word), paragraph(sentence), why, paragraph(timeSentence(result)));
}

function timeSentence({ time, verdict }) {
  if (time === "proven") return "Time proven: an authority that the policy trusts says when it was signed.";
  return verdict === "invalid"
    ? "Time not proven."
    : "Time not proven: the moment of signing rests on the signer's word.";
}

export function resultView(result, statement) {
  return [
    statement === null ? null : about(result, statement),
    element("h3", "", "Checks"),
    element("p", "hint", "Numbered as the command numbers them. Step 1 is the policy, above."),
    element("ol", "checks", result.checks.map(checkView)),
    ...signers(result),
    ...reviews(result),
    ...withheld(result),
    ...limits(result),
  ].filter((part) => part !== null);
}

function about(result, { predicate }) {
  return facts([
    ["bundle", predicate.bundleId],
    ["organisation", predicate.organisation],
    ["period", predicate.period],
    ["assessed as of", written(predicate.asOf)],
    ["series", `${predicate.chain.series}, bundle ${predicate.chain.index + 1n}`],
    ["sealed by", `${predicate.tool.name} ${predicate.tool.version}`],
    ["identity", code(result.statement_sha256)],
    ["checked as of", result.as_of],
  ]);
}

function failureText({ path, message, code: name }) {
  return [path === undefined ? "" : `${path}: `, message, " ", code(name)];
}

function checkView({ step, outcome, failures, notes }) {
  const [tone, word] = OUTCOMES[outcome];
  const details = [
    ...failures.map((failure) => element("li", "", ...failureText(failure))),
    ...notes.map((note) => element("li", "note", note)),
  ];
  return element(
    "li",
    "",
    element("span", "step-number", String(step)),
    element("span", "", QUESTIONS[step]),
    element("span", `badge ${tone}`, word),
    details.length === 0 ? null : element("ul", "details", details),
  );
}

const stamped = (by) => ["time", by === undefined ? "not proven; it rests on the signer's word" : `signed by ${by.time}, says ${by.authority}`];

function signers(result) {
  if (result.signers.length === 0) return [];
  const cards = result.signers.map(({ owner, role, keyid, signed_by: by }) =>
    element("article", "card", element("h3", "", `${owner}, ${role}`), facts([["key id", code(keyid)], stamped(by)])),
  );
  return [element("h3", "", "Signed by"), ...cards];
}

function reviews(result) {
  if (result.reviews.length === 0) return [];
  const cards = result.reviews.map(({ owner, decision, comment, reviewedAt, signer, signed_by: by }) =>
    element(
      "article",
      "card",
      element("h3", "", `${owner}, ${signer.role} `, badge(decision)),
      comment === "" ? null : element("p", "keep", comment),
      facts([["decided at", reviewedAt], ["key id", code(signer.keyid)], stamped(by)]),
    ),
  );
  return [element("h3", "", "Reviewed by"), ...cards];
}

const badge = (decision) =>
  decision === "approve" ? element("span", "badge valid", "approves") : element("span", "badge invalid", "rejects");

function withheld({ withheld: paths, redaction }) {
  if (paths.length === 0 && redaction === undefined) return [];
  const parts = [element("h3", "", "Withheld")];
  if (redaction !== undefined) {
    const { owner, signer, redactedAt } = redaction;
    parts.push(paragraph(`Redacted by ${owner} as ${signer.role} at ${redactedAt}.`));
    parts.push(bulleted([...redaction.withheld.map(absent), ...redaction.partlyShown.map(partly)]));
  }
  const named = new Set([...(redaction?.withheld ?? []), ...(redaction?.partlyShown ?? [])].map(({ path }) => path));
  const others = paths.filter((path) => !named.has(path));
  if (others.length > 0) {
    parts.push(paragraph("Absent without a redaction that says so, and accepted because you allowed it:"));
    parts.push(bulleted(others.map((path) => code(path))));
  }
  return parts;
}

const absent = ({ path, reasons, guessable }) => [
  code(path),
  ` is absent: ${reasons.join("; ")}${guessable ? " (its content can be guessed by its digest)" : ""}`,
];

function partly({ path, reasons, withheldRows, withheldFields }) {
  const without = [...(withheldRows > 0 ? [`${withheldRows} row(s)`] : []), ...withheldFields.map((field) => `“${field}”`)];
  return [code(path), ` is shown without ${without.join(", ")}: ${reasons.join("; ")}`];
}

/** What nobody should read into a verdict. */
function limits(result) {
  if (result.verdict === "invalid") return [];
  const points = [
    "That the keys are their owners': only you can know, by comparing fingerprints.",
    "That what was collected is true: whoever sealed the bundle could have sealed something else. Sample it, or run its re-performance kit.",
    "That the estate satisfies anything: a valid bundle may hold findings. Read its report.",
  ];
  if (result.time !== "proven") points.push("When it was signed: without a trusted time stamp, a signer can write any date.");
  return [element("h3", "", "What this does not prove"), bulleted(points)];
}
