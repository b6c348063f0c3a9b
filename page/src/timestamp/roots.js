// The roots of time-stamping authorities that an auditor trusts, and the way from a certificate to one of them.

import { equal } from "../bytes.js";
import { SECOND, shown } from "../time.js";
import { pemBlocks } from "../public_key.js";
import { certificateSignatureBy, verifyBy } from "./algorithm.js";
import { TIME_STAMPING, basicConstraints, chainProblem, extendedUsage, has, readCertificate } from "./certificate.js";
import { NotDer } from "./der.js";
import { TokenError } from "./failures.js";

/** The most certificates between a signer's and a root. */
const LONGEST = 6;

/** The certificates in texts of PEM, each of which may hold several, or what is wrong with them. */
export function parseRoots(texts) {
  const certificates = [];
  for (const text of texts) {
    const blocks = pemBlocks(text);
    if (blocks.length === 0) return { problem: "there is no certificate in PEM" };
    for (const { label, der } of blocks) {
      if (label !== "CERTIFICATE") return { problem: "it holds something else than certificates" };
      try {
        certificates.push(readCertificate(der ?? new Uint8Array(0)));
      } catch (error) {
        if (!(error instanceof NotDer)) throw error;
        return { problem: error.message };
      }
    }
  }
  return { certificates, problem: null };
}

/** A reason why a way leads nowhere; of several, the one with the highest rank is told. */
class NoWay {
  constructor(rank, message, code = "untrusted") {
    this.rank = rank;
    this.message = message;
    this.code = code;
  }
}

const validAt = ({ notBefore, notAfter }, seconds) => notBefore <= seconds && seconds <= notAfter;

/** Follows a signer's certificate to a root, all of them valid at a time: the certificates between. */
export async function wayTo(roots, signer, others, at) {
  const seconds = Number(at / SECOND);
  if (at < 0n) throw new TokenError("validity", "its time is before 1970");
  const valid = roots.filter((root) => validAt(root, seconds));
  if (valid.length === 0) {
    const message = `the policy has no root of a time-stamping authority that was valid at ${shown(at)}`;
    throw new TokenError(roots.length === 0 ? "untrusted" : "validity", message);
  }
  const problem = chainProblem(signer);
  if (problem !== null) throw new TokenError("certificate", problem.message);
  const found = await search([signer], { roots: valid, others, seconds });
  if (found instanceof NoWay) throw new TokenError(found.code, found.message);
  return found;
}

async function search(path, all) {
  const head = path.at(-1);
  const own = headProblem(head, path.length - 1, all.seconds);
  if (own !== null) return own;
  let worst = new NoWay(0, "no root of the policy stands above the authority's certificate");
  const tell = (reason) => {
    if (reason.rank > worst.rank) worst = reason;
  };
  for (const root of all.roots) {
    if (!equal(root.subject, head.issuer)) continue;
    const problem = await signedProblem(path, root);
    if (problem === null) return path.slice(1);
    tell(problem);
  }
  for (const next of all.others) {
    const problem = chainProblem(next);
    if (problem !== null) {
      tell(new NoWay(problem.rank, problem.message));
      continue;
    }
    const looped = path.some((one) => equal(one.subject, next.subject) && equal(one.key.spki, next.key.spki));
    if (!equal(next.subject, head.issuer) || looped) continue;
    if (path.length > LONGEST) {
      tell(new NoWay(61, "there are too many certificates between"));
      continue;
    }
    const found = await search([...path, next], all);
    if (!(found instanceof NoWay)) return found;
    tell(found);
  }
  return worst;
}

/** What is wrong with a certificate whoever issued it. */
function headProblem(certificate, depth, seconds) {
  if (certificate.notBefore > certificate.notAfter) return new NoWay(190, "a certificate was never valid");
  if (!validAt(certificate, seconds)) {
    const when = seconds < certificate.notBefore ? "was not valid yet" : "had expired";
    return new NoWay(290, `a certificate of the authority ${when} at the time it states`, "validity");
  }
  const basic = basicConstraints(certificate);
  if (basic === null) return new NoWay(10, "a certificate cannot be read");
  if (basic.isAuthority !== depth > 0) return new NoWay(210, "a certificate is used for what it is not");
  if (depth > 0 && depth - 1 > basic.below) return new NoWay(220, "a certificate has too many below it");
  if (!has(certificate, "extendedUsage")) return null;
  const usage = extendedUsage(certificate);
  if (usage === null) return new NoWay(10, "a certificate cannot be read");
  if (usage.value.length === 0) return new NoWay(245, "a certificate is for nothing");
  if (usage.value.includes(TIME_STAMPING)) return null;
  return new NoWay(240, "a certificate above the authority's is not for time stamping", "usage");
}

/** What is wrong with the signatures from a root down a path. */
async function signedProblem(path, root) {
  let issuer = root;
  for (const certificate of path.toReversed()) {
    const { key } = issuer;
    const by = certificateSignatureBy(key, certificate.algorithm);
    if (by === null) return new NoWay(150, "no root of the policy stands above the authority's certificate");
    if (!(await verifyBy(by, key, certificate.signed, certificate.signature))) {
      return new NoWay(260, "no root of the policy stands above the authority's certificate");
    }
    // What names it restricts those below it to is not looked at here.
    if (has(issuer, "names")) return new NoWay(230, "a certificate restricts names, which is not understood here");
    issuer = certificate;
  }
  return null;
}
