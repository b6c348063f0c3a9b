// SSHSIG, OpenSSH's signature file, over arbitrary bytes (PROTOCOL.sshsig), in its one form.

import { base64, concat, equal, fromBase64, text, utf8 } from "./bytes.js";
import { digest } from "./digest.js";
import * as ecdsa from "./ecdsa.js";
import { fromSshBlob } from "./public_key.js";
import { Reader, number, strings } from "./ssh_wire.js";

const MAGIC = utf8("SSHSIG");
const [NAMESPACE, RESERVED, HASH] = [utf8("pgdossier-bundle"), utf8(""), utf8("sha512")];
const BEGIN = "-----BEGIN SSH SIGNATURE-----\n";
const END = "-----END SSH SIGNATURE-----\n";
/** The longest canonical ECDSA signature as SSH has it: an `mpint` of 33 bytes and one of 32. */
const LONGEST_P256 = 4 + 33 + 4 + 32;

/** Why a file is not `key`'s signature over exactly `message`; null when it is. */
export async function sshSignatureProblem(bytes, key, message) {
  const read = parse(bytes);
  if (read === null || !equal(utf8(write(read)), bytes)) {
    return "it is not an armored SSH signature by an Ed25519 or P-256 key in the namespace `pgdossier-bundle` as this version writes it";
  }
  if (!read.key.equals(key)) return "it names another key than the one that signed the statement";
  const hash = await digest("SHA-512", message);
  const signed = concat(MAGIC, strings(NAMESPACE, RESERVED, HASH, hash));
  return (await key.verify(signed, read.signature)) ? null : "it does not verify over the statement";
}

function parse(bytes) {
  const whole = text(bytes);
  if (whole === null || !whole.startsWith(BEGIN)) return null;
  const trimmed = whole.slice(BEGIN.length).replace(/\n+$/, "");
  const end = END.trimEnd();
  if (!trimmed.endsWith(end)) return null;
  const blob = fromBase64(trimmed.slice(0, -end.length).replaceAll("\n", ""));
  if (blob === null || blob.length < MAGIC.length + 4) return null;
  // The fixed fields need no check here: writing the signature again and comparing covers them.
  const reader = new Reader(blob.subarray(MAGIC.length + 4));
  const [keyBlob, , , , signatureBlob] = Array.from({ length: 5 }, () => reader.take());
  const key = keyBlob && fromSshBlob(keyBlob);
  if (!key || signatureBlob === null) return null;
  const inner = new Reader(signatureBlob);
  inner.take();
  const signature = inner.take();
  if (signature === null) return null;
  if (!key.isP256) return { key, signature };
  const numbers = ecdsa.fromSsh(signature);
  return numbers && { key, signature: ecdsa.toDer(numbers) };
}

function write({ key, signature }) {
  const ssh = key.isP256 ? ecdsa.toSsh(ecdsa.fromDer(signature)) : signature;
  const written = armor(blob(key, ssh));
  if (!key.isP256) return written;
  const longest = armor(blob(key, new Uint8Array(LONGEST_P256))).length;
  return written + "\n".repeat(Math.max(longest - written.length, 0));
}

function blob(key, signature) {
  const inner = strings(key.sshName, signature);
  return concat(MAGIC, number(1), strings(key.sshBlob(), NAMESPACE, RESERVED, HASH, inner));
}

const armor = (bytes) => `${BEGIN}${base64(bytes).replace(/.{70}(?=.)/g, "$&\n")}\n${END}`;
