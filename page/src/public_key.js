// Public keys, Ed25519 and ECDSA P-256: from PEM and from SSH's form, key ids, fingerprints, verification.

import { base64, concat, equal, fromBase64, utf8 } from "./bytes.js";
import { digest, sha256 } from "./digest.js";
import * as ecdsa from "./ecdsa.js";
import { Reader, strings } from "./ssh_wire.js";

const ED25519 = {
  ssh: "ssh-ed25519",
  length: 32,
  spki: [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
  algorithm: { name: "Ed25519" },
};
const P256 = {
  ssh: "ecdsa-sha2-nistp256",
  length: 65,
  spki: [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
  ],
  algorithm: { name: "ECDSA", namedCurve: "P-256" },
};
const CURVE = utf8("nistp256");

export class PublicKey {
  constructor(scheme, raw) {
    this.scheme = scheme;
    this.raw = raw;
  }

  get isP256() {
    return this.scheme === P256;
  }

  /** SSH's name of the key, which is also that of its signatures. */
  get sshName() {
    return utf8(this.scheme.ssh);
  }

  keyid() {
    return sha256(concat(Uint8Array.from(this.scheme.spki), this.raw));
  }

  sshBlob() {
    return this.isP256 ? strings(this.sshName, CURVE, this.raw) : strings(this.sshName, this.raw);
  }

  /** For people to compare over another channel: the same that `ssh-keygen -l` prints. */
  async fingerprint() {
    return `SHA256:${base64(await digest("SHA-256", this.sshBlob())).replace(/=+$/, "")}`;
  }

  equals(other) {
    return this.scheme === other.scheme && equal(this.raw, other.raw);
  }

  /** Whether a signature is this key's over exactly `message`, in its canonical form. */
  async verify(message, signature) {
    const { algorithm } = this.scheme;
    let raw = signature;
    if (this.isP256) {
      const numbers = ecdsa.fromDer(signature);
      if (numbers === null || !ecdsa.isCanonical(numbers)) return false;
      raw = ecdsa.toRaw(numbers);
    }
    try {
      const key = await crypto.subtle.importKey("raw", this.raw, algorithm, false, ["verify"]);
      return await crypto.subtle.verify({ ...algorithm, hash: "SHA-256" }, key, raw, message);
    } catch (error) {
      // A point that is on no curve is no key; a browser that lacks the algorithm is another matter.
      if (error.name === "NotSupportedError") throw error;
      return false;
    }
  }
}

/** The key's own bytes: 32 of RFC 8032, or an uncompressed point; null for anything else. */
function fromRaw(scheme, raw) {
  const good = raw.length === scheme.length && (scheme === ED25519 || raw[0] === 4);
  return good ? new PublicKey(scheme, raw) : null;
}

export function fromSshBlob(bytes) {
  const reader = new Reader(bytes);
  const name = reader.take();
  const scheme = name && [ED25519, P256].find((one) => equal(utf8(one.ssh), name));
  if (!scheme) return null;
  if (scheme === P256) {
    const curve = reader.take();
    if (curve === null || !equal(curve, CURVE)) return null;
  }
  const raw = reader.take();
  return raw !== null && reader.done ? fromRaw(scheme, raw) : null;
}

/** From `-----BEGIN PUBLIC KEY-----`; null for anything that is not the SPKI of such a key. */
export function fromPem(text) {
  const [block] = pemBlocks(text);
  if (block === undefined || block.label !== "PUBLIC KEY" || block.der === null) return null;
  for (const scheme of [ED25519, P256]) {
    const { length } = scheme.spki;
    if (equal(block.der.subarray(0, length), Uint8Array.from(scheme.spki))) {
      return fromRaw(scheme, block.der.subarray(length));
    }
  }
  return null;
}

const PEM = /-----BEGIN (.*?)-----[ \t\n\r]*(.*?)-----END (.*?)-----/gs;

/** The blocks of a text in PEM: label and bytes, null where it is malformed. */
export function pemBlocks(text) {
  return Array.from(text.matchAll(PEM), ([, label, payload, end]) => {
    const body = payload.slice(payload.search(/\n\n|\r\n\r\n/) + 1);
    const der = label === end ? fromBase64(body.replace(/[ \t\r\n]/g, "")) : null;
    return { label, der };
  });
}

export const shortKeyid = (keyid) => keyid.slice(0, 16);
