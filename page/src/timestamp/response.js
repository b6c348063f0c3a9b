// The structures of RFC 3161 and RFC 5652 in the one form that is stored: DER, granted, nothing in it that nobody signed.

import { concat } from "../bytes.js";
import { readAlgorithm } from "./algorithm.js";
import { NotDer, TAG, all, asNumber, list } from "./der.js";
import { TokenError } from "./failures.js";

const [FIRST, SECOND] = [0xa0, 0xa1];
const [FIRST_PLAIN, SECOND_PLAIN] = [0x80, 0x81];

/** A TimeStampResp's token: the content's type and the signed data. */
export function readResponse(bytes) {
  let response;
  try {
    response = all(bytes, (der) =>
      der.sequence((inner) => ({
        status: inner.sequence(readStatus),
        token: inner.optionalInside(TAG.sequence, readContentInfo),
      })),
    );
  } catch (error) {
    if (!(error instanceof NotDer)) throw error;
    throw new TokenError("format", `it is no response, or not in the one way to write it: ${error.message}`);
  }
  const { status, token } = response;
  if (status.status !== 0 || status.remarks) throw new TokenError("refused", "it was not granted without remarks");
  if (token === null) throw new TokenError("refused", "it holds no token");
  if (token.data.revocations !== null || token.data.signers.some(({ unsigned }) => unsigned !== null)) {
    throw new TokenError("format", "it holds parts that nobody signed");
  }
  return token;
}

function readStatus(der) {
  const status = der.number();
  const texts = der.optionalInside(TAG.sequence, (inner) => list(inner, (one) => one.take(TAG.utf8)));
  const failure = der.optional(TAG.bits);
  return { status, remarks: texts !== null || failure !== null };
}

function readContentInfo(der) {
  return { contentType: der.oid(), data: der.inside(FIRST, (inner) => inner.sequence(readSignedData)) };
}

function readSignedData(der) {
  const version = der.number();
  const digestAlgorithms = der.set(TAG.set, readAlgorithm);
  const { contentType, content } = der.sequence((inner) => ({
    contentType: inner.oid(),
    content: inner.optionalInside(FIRST, (one) => one.take(TAG.octets).value),
  }));
  const certificates = der.optionalSet(FIRST, (one) => one.any().whole) ?? [];
  const revocations = der.optionalSet(SECOND, (one) => one.any());
  const signers = der.set(TAG.set, (one) => one.sequence(readSigner));
  return { version, digestAlgorithms, contentType, content, certificates, revocations, signers };
}

function readSigner(der) {
  const version = der.number();
  const name = der.any();
  const digestAlgorithm = readAlgorithm(der);
  const before = der.rest;
  const items = der.optionalSet(FIRST, readAttribute);
  const whole = before.subarray(0, before.length - der.rest.length);
  // What is signed is the set under its own tag.
  const attributes = items && { items, signed: concat(Uint8Array.of(TAG.set), whole.subarray(1)) };
  const signatureAlgorithm = readAlgorithm(der);
  const signature = der.take(TAG.octets).value;
  const unsigned = der.optionalSet(SECOND, readAttribute);
  return { version, name, digestAlgorithm, attributes, signatureAlgorithm, signature, unsigned };
}

function readAttribute(der) {
  return der.sequence((inner) => ({ oid: inner.oid(), values: inner.set(TAG.set, (one) => one.any()) }));
}

/** The time itself, as the authority signed it. */
export function readTimeInfo(bytes) {
  try {
    return all(bytes, (der) => der.sequence(readInfo));
  } catch (error) {
    if (!(error instanceof NotDer)) throw error;
    throw new TokenError("format", `its time information cannot be read: ${error.message}`);
  }
}

function readInfo(der) {
  const version = der.number();
  der.oid();
  const imprint = der.sequence((inner) => ({ algorithm: readAlgorithm(inner), digest: inner.take(TAG.octets).value }));
  der.integer();
  const time = der.any();
  const accuracy = der.optionalInside(TAG.sequence, readAccuracy) ?? 0n;
  der.flag();
  if (der.peek() === TAG.integer) der.integer();
  der.optionalInside(FIRST, (inner) => inner.any());
  const extensions = der.optionalInside(SECOND, (inner) => list(inner, readExtension)) ?? [];
  return { version, imprint, time, accuracy, extensions };
}

/** In nanoseconds. */
function readAccuracy(der) {
  const seconds = der.peek() === TAG.integer ? der.number(4) : 0;
  const parts = [FIRST_PLAIN, SECOND_PLAIN].map((tag) => der.optional(tag)?.value ?? Uint8Array.of(0));
  const [millis, micros] = parts.map((value) => asNumber(value, 2));
  return BigInt(seconds) * 1_000_000_000n + BigInt(millis) * 1_000_000n + BigInt(micros) * 1_000n;
}

function readExtension(der) {
  return der.sequence((inner) => {
    inner.oid();
    const critical = inner.flag();
    inner.take(TAG.octets);
    return { critical };
  });
}
