// Digests and signatures by object identifier: which are accepted, and verifying with WebCrypto.

import * as ecdsa from "../ecdsa.js";
import { NotDer, TAG, all } from "./der.js";

const [RSA, EC, ED25519] = ["1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112"];
const DIGESTS = {
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const CURVES = { "1.2.840.10045.3.1.7": ["P-256", 32], "1.3.132.0.34": ["P-384", 48] };
const SIGNATURES = {
  "1.2.840.113549.1.1.11": [RSA, "SHA-256"],
  "1.2.840.113549.1.1.12": [RSA, "SHA-384"],
  "1.2.840.113549.1.1.13": [RSA, "SHA-512"],
  "1.2.840.10045.4.3.2": [EC, "SHA-256"],
  "1.2.840.10045.4.3.3": [EC, "SHA-384"],
  [ED25519]: [ED25519, "SHA-512"],
};
/** Bytes of an RSA modulus. */
const [SHORTEST, LONGEST] = [256, 1024];

/** An AlgorithmIdentifier: `{ oid, parameters, whole }`, parameters null or a value. */
export function readAlgorithm(der) {
  const before = der.rest;
  const read = der.sequence((inner) => ({ oid: inner.oid(), parameters: inner.done ? null : inner.any() }));
  return { ...read, whole: before.subarray(0, before.length - der.rest.length) };
}

/** No algorithm here has parameters; a NULL stands for none. */
export function isBare({ parameters }) {
  return parameters === null || (parameters.tag === TAG.null && parameters.value.length === 0);
}

/** WebCrypto's name of a digest; null for one that is not accepted. */
export const digestName = (algorithm) => DIGESTS[algorithm.oid] ?? null;

/** A string of bits in whole bytes. */
export function readBits(der) {
  const { value } = der.take(TAG.bits);
  if (value[0] !== 0) throw new NotDer("bits are not in whole bytes");
  return value.subarray(1);
}

/** A SubjectPublicKeyInfo. */
export function readKey(der) {
  const before = der.rest;
  const read = der.sequence((inner) => ({ algorithm: readAlgorithm(inner), bits: readBits(inner) }));
  return { ...read, spki: before.subarray(0, before.length - der.rest.length) };
}

/** How a signature by a key is verified, where it is named with its digest or after its key alone; null for no way. */
export function signatureBy(key, signatureOid, digest) {
  const { oid } = key.algorithm;
  const known = Object.entries(SIGNATURES).find(([, [kind, hash]]) => kind === oid && hash === digest);
  if (known === undefined || (signatureOid !== known[0] && signatureOid !== oid)) return null;
  return way(key, digest);
}

/** How a certificate's signature by a key is verified: it names its digest, and RSA alone may write NULL. */
export function certificateSignatureBy(key, algorithm) {
  const found = SIGNATURES[algorithm.oid];
  if (found === undefined || found[0] !== key.algorithm.oid) return null;
  if (found[0] === RSA ? !isBare(algorithm) : algorithm.parameters !== null) return null;
  return way(key, found[1]);
}

function way({ algorithm, bits }, hash) {
  if (algorithm.oid === EC) {
    const curve = algorithm.parameters?.tag === TAG.oid ? all(algorithm.parameters.whole, (der) => der.oid()) : "";
    const [namedCurve, size] = CURVES[curve] ?? [];
    return namedCurve === undefined ? null : { name: "ECDSA", namedCurve, hash, size };
  }
  if (algorithm.oid === RSA) {
    const modulus = rsaModulus(bits);
    const good = modulus !== null && modulus.length >= SHORTEST && modulus.length <= LONGEST;
    return good ? { name: "RSASSA-PKCS1-v1_5", hash } : { name: "none" };
  }
  return { name: "Ed25519" };
}

function rsaModulus(bits) {
  try {
    return all(bits, (der) =>
      der.sequence((inner) => {
        const modulus = inner.integer();
        inner.integer();
        return modulus[0] === 0 ? modulus.subarray(1) : modulus;
      }),
    );
  } catch (error) {
    if (!(error instanceof NotDer)) throw error;
    return null;
  }
}

/** Whether a signature is that of a key over exactly `message`. */
export async function verifyBy(by, { spki }, message, signature) {
  if (by.name === "none") return false;
  let raw = signature;
  if (by.name === "ECDSA") {
    const numbers = ecdsa.fromDer(signature, by.size);
    if (numbers === null) return false;
    raw = ecdsa.toRaw(numbers);
  }
  try {
    const key = await crypto.subtle.importKey("spki", spki, by, false, ["verify"]);
    return await crypto.subtle.verify(by, key, raw, message);
  } catch (error) {
    if (error.name === "NotSupportedError") throw error;
    return false;
  }
}

