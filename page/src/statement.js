// What is signed: in-toto Statements v1 about the manifest, about the bundle's own statement, and about other files.

import { text } from "./bytes.js";
import { Failure, escaped } from "./failure.js";
import { NotJson, parse } from "./json.js";
import { MANIFEST, STATEMENT } from "./layout.js";
import * as shape from "./shape.js";

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const ASSESSMENT = "urn:pgdossier:assessment:v1";

const TOOL = shape.object({
  name: shape.string,
  version: shape.string,
  commit: shape.optional(shape.string),
});
const SIGNER = shape.object({ keyid: shape.string, role: shape.string });
const SUBJECTS = (sha256) => shape.list(shape.object({ name: shape.string, digest: shape.object({ sha256 }) }));

const form = (sha256, predicate) =>
  shape.object({
    _type: shape.string,
    subject: SUBJECTS(sha256),
    predicateType: shape.string,
    predicate: shape.object(predicate),
  });

const BUNDLE = form(shape.digest, {
  bundleId: shape.string,
  organisation: shape.string,
  period: shape.string,
  asOf: shape.time,
  tool: TOOL,
  manifest: shape.object({ size: shape.whole(64), root: shape.digest }),
  signer: SIGNER,
  chain: shape.object({
    series: shape.string,
    index: shape.whole(64),
    previousStatementSha256: shape.optional(shape.digest),
    sizeBefore: shape.whole(64),
    rootBefore: shape.digest,
  }),
});

/** Step 5: reads a bundle's statement, naming what is not understood. */
export function parseStatement(bytes) {
  const fail = (code, message) => {
    throw new Failure(code, STATEMENT, message);
  };
  let statement;
  try {
    const json = parse(text(bytes) ?? "");
    const kind = json instanceof Map ? json : new Map();
    const [type, predicateType] = ["_type", "predicateType"].map((name) => shape.string(kind.get(name), name));
    if (type !== STATEMENT_TYPE) fail("statement.type", `\`${escaped(type)}\` is not an in-toto Statement v1`);
    if (predicateType !== ASSESSMENT) {
      const message = `this version does not know the predicate type \`${escaped(predicateType)}\``;
      fail("statement.predicate-type", message);
    }
    statement = BUNDLE(json, "statement");
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    fail("statement.format", `it is not a statement: ${error.message}`);
  }
  if (statement.subject.length !== 1 || statement.subject[0].name !== MANIFEST) {
    fail("statement.subject", `its only subject must be \`${MANIFEST}\``);
  }
  return statement;
}

/** Kinds of statements about a bundle's statement. */
export const REVIEW = {
  noun: "review",
  type: "urn:pgdossier:review:v1",
  form: form(shape.digest, {
    bundleId: shape.string,
    decision: shape.oneOf("approve", "reject"),
    comment: shape.string,
    reviewedAt: shape.time,
    tool: TOOL,
    signer: SIGNER,
  }),
};
export const REDACTION = {
  noun: "redaction",
  type: "urn:pgdossier:redaction:v1",
  form: form(shape.digest, {
    bundleId: shape.string,
    redactedAt: shape.time,
    tool: TOOL,
    signer: SIGNER,
    withheld: shape.list(
      shape.object({ path: shape.string, guessable: shape.boolean, reasons: shape.list(shape.string) }),
    ),
    partlyShown: shape.list(
      shape.object({
        path: shape.string,
        sha256: shape.digest,
        withheldRows: shape.whole(64),
        withheldFields: shape.list(shape.string),
        reasons: shape.list(shape.string),
      }),
    ),
  }),
};

/** Reads a statement about a bundle's statement; throws NotJson with the reason. */
export function parseAbout(kind, bytes) {
  let statement;
  try {
    statement = kind.form(parse(text(bytes) ?? ""), "statement");
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new NotJson(`it is no ${kind.noun} statement: ${error.message}`);
  }
  if (statement._type !== STATEMENT_TYPE || statement.predicateType !== kind.type) {
    throw new NotJson("it is a statement of another kind");
  }
  if (statement.subject.length !== 1 || statement.subject[0].name !== STATEMENT) {
    throw new NotJson(`its only subject must be \`${STATEMENT}\``);
  }
  return statement;
}

const OF_FILE = shape.object({
  _type: shape.string,
  subject: SUBJECTS(shape.string),
  predicateType: shape.string,
  predicate: shape.object({ role: shape.string, keyid: shape.string }),
});

/** Reads a statement about a file that people wrote and its documents; null when it is none of this kind. */
export function parseOfFile(predicateType, bytes) {
  try {
    const statement = OF_FILE(parse(text(bytes) ?? ""), "statement");
    const known = statement._type === STATEMENT_TYPE && statement.predicateType === predicateType;
    return known && statement.subject.length > 0 ? statement : null;
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    return null;
  }
}
