// Checking an authority's token (RFC 3161): everything in it is bound to the signature, to its signer or to a root.

import { equal, text } from "../bytes.js";
import { digest } from "../digest.js";
import { parseTime } from "../time.js";
import { digestName, isBare, readAlgorithm, signatureBy, verifyBy } from "./algorithm.js";
import {
  TIME_STAMPING,
  allowsSignatures,
  extendedUsage,
  has,
  keyIdentifier,
  nameText,
  readCertificate,
} from "./certificate.js";
import { NotDer, TAG, all, list } from "./der.js";
import { TokenError } from "./failures.js";
import { readResponse, readTimeInfo } from "./response.js";
import { wayTo } from "./roots.js";

export { TokenError };

const OID = {
  signedData: "1.2.840.113549.1.7.2",
  timeInfo: "1.2.840.113549.1.9.16.1.4",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingCertificate: "1.2.840.113549.1.9.16.2.47",
};
const KEY_IDENTIFIER = 0x80;

/** Checks a stored response for a signature, without asking who the authority is: it proves nothing yet. */
export async function checkTokenItself(response, signature) {
  await checkContent(readResponse(response), signature);
}

/** What a stored response proves with trusted roots: `{ at, latest, authority }`. */
export async function checkToken(response, signature, roots) {
  const { time, signer, others } = await checkContent(readResponse(response), signature);
  const way = await wayTo(roots, signer, others, time.at);
  if (others.some((other) => !way.includes(other))) {
    const message = "it brings a certificate that does not lead from its signer to a root of the policy";
    throw new TokenError("certificate", message);
  }
  return time;
}

/** Everything but the way to a root. */
async function checkContent({ contentType, data }, signature) {
  if (contentType !== OID.signedData || data.version !== 3 || data.contentType !== OID.timeInfo) {
    throw new TokenError("format", "it is not signed time information");
  }
  if (data.content === null) throw new TokenError("format", "its time information is missing");
  const info = readTimeInfo(data.content);
  if (data.signers.length !== 1) {
    throw new TokenError("signers", `it has ${data.signers.length} signers, not exactly one`);
  }
  const [signer] = data.signers;
  const [named, ...further] = data.digestAlgorithms;
  if (named === undefined || further.length > 0 || !equal(named.whole, signer.digestAlgorithm.whole)) {
    throw new TokenError("format", "it names other digests than its signer's");
  }
  const { own, others } = splitCertificates(data.certificates, signer);
  checkUsage(own);
  await checkImprint(info, signature);
  await checkAttributes(signer, data.content, own);
  await checkSignature(signer, own);
  const { at, latest } = timeOf(info);
  return { time: { at, latest, authority: nameText(own.subject) }, signer: own, others };
}

/** The signer's certificate and the others. */
function splitCertificates(certificates, signer) {
  const [own, others] = [[], []];
  for (const der of certificates) {
    let certificate;
    try {
      certificate = readCertificate(der);
    } catch (error) {
      if (!(error instanceof NotDer)) throw error;
      throw new TokenError("certificate", "a certificate in the token cannot be read");
    }
    (isOf(signer, certificate) ? own : others).push(certificate);
  }
  if (own.length === 0) throw new TokenError("certificate", "the certificate of its signer is not in it");
  if (own.length > 1) throw new TokenError("certificate", "more than one certificate in it fits its signer");
  return { own: own[0], others };
}

/** Whether a signer names this certificate, in the version that goes with how it does. */
function isOf({ version, name }, certificate) {
  if (name.tag === TAG.sequence && version === 1) {
    return tried(() =>
      all(name.value, (der) => equal(der.any().whole, certificate.issuer) && equal(der.integer(), certificate.serial)),
    );
  }
  const keyId = keyIdentifier(certificate);
  return name.tag === KEY_IDENTIFIER && version === 3 && keyId !== undefined && equal(keyId, name.value);
}

function tried(read) {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NotDer)) throw error;
    return false;
  }
}

/** Whether a certificate is for stating times and for nothing else, as RFC 3161 demands. */
function checkUsage(certificate) {
  const wrong = (message) => {
    throw new TokenError("usage", message);
  };
  const usage = extendedUsage(certificate);
  if (usage === null) wrong("the authority's certificate does not say that it is for time stamping");
  if (usage.value.length === 0 || usage.value.some((oid) => oid !== TIME_STAMPING)) {
    wrong("the authority's certificate is not for time stamping alone");
  }
  if (!usage.critical) {
    wrong("the authority's certificate is for time stamping, but does not mark this as critical");
  }
  if (has(certificate, "usage") && !allowsSignatures(certificate)) {
    wrong("the authority's certificate is not for signatures");
  }
}

async function digestBy(algorithm, bytes) {
  const name = digestName(algorithm);
  if (name === null || !isBare(algorithm)) {
    throw new TokenError("algorithm", `it uses the digest ${algorithm.oid}, which is not accepted here`);
  }
  return digest(name, bytes);
}

async function checkImprint({ version, extensions, imprint }, signature) {
  if (version !== 1) throw new TokenError("format", "its time information is of another version");
  if (extensions.some(({ critical }) => critical)) {
    throw new TokenError("format", "it has a critical extension that is not understood");
  }
  if (!equal(imprint.digest, await digestBy(imprint.algorithm, signature))) {
    throw new TokenError("imprint", "it is over other bytes than this signature");
  }
}

/** What is signed are the attributes, and they bind the content and the certificate. */
async function checkAttributes({ attributes, digestAlgorithm }, content, own) {
  const wrong = (message) => {
    throw new TokenError("attributes", message);
  };
  if (attributes === null) wrong("it has no signed attributes");
  const contentType = attribute(attributes.items, OID.contentType, (der) => der.oid());
  if (contentType !== OID.timeInfo) wrong("it signs another type of content");
  const octets = (der) => der.take(TAG.octets).value;
  const signed = attribute(attributes.items, OID.messageDigest, octets);
  if (!equal(signed, await digestBy(digestAlgorithm, content))) wrong("it signs another content than it holds");
  const [first] = attribute(attributes.items, OID.signingCertificate, readSigningCertificate);
  if (first === undefined) wrong("it does not name its signer's certificate");
  const sha256 = { oid: "2.16.840.1.101.3.4.2.1", parameters: null };
  if (!equal(first.digest, await digestBy(first.algorithm ?? sha256, own.der))) {
    wrong("it names another certificate than that of its signer");
  }
}

/** RFC 5035: the certificates that the signer says it signs with, its own first. */
function readSigningCertificate(der) {
  return der.sequence((inner) => {
    const certificates = inner.sequence((all) =>
      list(all, (one) =>
        one.sequence((id) => {
          const algorithm = id.peek() === TAG.sequence ? readAlgorithm(id) : null;
          const read = { algorithm, digest: id.take(TAG.octets).value };
          if (!id.done) id.any();
          return read;
        }),
      ),
    );
    if (!inner.done) inner.any();
    return certificates;
  });
}

/** The only value of an attribute that is there once. */
function attribute(items, oid, read) {
  const found = items.filter((one) => one.oid === oid);
  if (found.length !== 1 || found[0].values.length !== 1) {
    throw new TokenError("attributes", `the signed attribute ${oid} is not there exactly once`);
  }
  try {
    return all(found[0].values[0].whole, read);
  } catch (error) {
    if (!(error instanceof NotDer)) throw error;
    throw new TokenError("attributes", `the signed attribute ${oid} cannot be read`);
  }
}

async function checkSignature({ signatureAlgorithm, digestAlgorithm, signature, attributes }, own) {
  const { key } = own;
  const by = signatureBy(key, signatureAlgorithm.oid, digestName(digestAlgorithm));
  if (!isBare(signatureAlgorithm) || !by) {
    throw new TokenError("algorithm", `it uses the signature ${signatureAlgorithm.oid}, which is not accepted here`);
  }
  if (!(await verifyBy(by, key, attributes.signed, signature))) {
    throw new TokenError("signature", "the authority's signature does not verify with its certificate");
  }
}

/** The stated time, and the same with its accuracy added. */
function timeOf({ time, accuracy }) {
  const found = time.tag === TAG.time ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/.exec(text(time.value) ?? "") : null;
  const [, year, month, day, hour, minute, second, fraction] = found ?? [];
  const at = found && parseTime(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction ?? ""}Z`);
  if (at === null) throw new TokenError("format", "its time cannot be read");
  return { at, latest: at + accuracy };
}
