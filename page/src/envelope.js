// The DSSE envelope inside a Sigstore bundle v0.3, read strictly and in its one form.

import { base64, concat, equal, fromBase64, text, utf8 } from "./bytes.js";
import { LONGEST_DER } from "./ecdsa.js";
import { escaped } from "./failure.js";
import { NotJson, parse } from "./json.js";
import * as shape from "./shape.js";

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const ED25519_SIGNATURE = 64;

const FORM = shape.object({
  mediaType: shape.string,
  verificationMaterial: shape.object({
    publicKey: shape.object({ hint: shape.string }),
    timestampVerificationData: shape.optional(
      shape.object({ rfc3161Timestamps: shape.list(shape.object({ signedTimestamp: shape.string })) }),
    ),
  }),
  dsseEnvelope: shape.object({
    payload: shape.string,
    payloadType: shape.string,
    signatures: shape.list(shape.object({ sig: shape.string, keyid: shape.string })),
  }),
});

/** Why a file is not the one Sigstore bundle that is accepted, by kind. */
export class EnvelopeError extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** What a DSSE signature covers. */
export function signedBytes({ payload }) {
  return concat(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
}

/** `{ payload, signature, keyid, token }`; nothing is verified yet. Throws an EnvelopeError. */
export function parseEnvelope(bytes) {
  const fail = (kind, message) => {
    throw new EnvelopeError(kind, message);
  };
  const read = readForm(bytes, fail);
  const { dsseEnvelope, verificationMaterial } = read;
  if (read.mediaType !== MEDIA_TYPE) {
    fail("media-type", `its media type is \`${escaped(read.mediaType)}\`, not a Sigstore bundle v0.3`);
  }
  const { payloadType, signatures } = dsseEnvelope;
  if (payloadType !== PAYLOAD_TYPE) {
    fail("payload-type", `its payload type is \`${escaped(payloadType)}\`, not \`${PAYLOAD_TYPE}\``);
  }
  if (signatures.length !== 1) fail("count", `it holds ${signatures.length} signatures, not exactly one`);
  const [{ sig, keyid }] = signatures;
  if (keyid !== verificationMaterial.publicKey.hint) {
    fail("hint", "its public key hint and the key id of its signature differ");
  }
  const tokens = verificationMaterial.timestampVerificationData?.rfc3161Timestamps;
  if (tokens !== undefined && tokens.length !== 1) {
    fail("token-count", `it holds ${tokens.length} tokens of time-stamping authorities, not at most one`);
  }
  const decode = (what, encoded) => {
    return fromBase64(encoded) ?? fail("format", `it is not the expected JSON: ${what} is not base64`);
  };
  const envelope = {
    payload: decode("payload", dsseEnvelope.payload),
    signature: decode("sig", sig),
    keyid,
    token: tokens === undefined ? null : decode("signedTimestamp", tokens[0].signedTimestamp),
  };
  if (!equal(write(envelope), bytes)) {
    fail("not-canonical", "its bytes differ from the one way to write this signature");
  }
  return envelope;
}

function readForm(bytes, fail) {
  try {
    return FORM(parse(text(bytes) ?? ""), "envelope");
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    return fail("format", `it is not the expected JSON: ${error.message}`);
  }
}

/** The one way to write a signature: further line feeds make up for what it is shorter than the longest. */
function write({ payload, signature, keyid, token }) {
  const material = { publicKey: { hint: keyid } };
  if (token !== null) {
    material.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: base64(token) }] };
  }
  const bundle = {
    mediaType: MEDIA_TYPE,
    verificationMaterial: material,
    dsseEnvelope: {
      payload: base64(payload),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: base64(signature), keyid }],
    },
  };
  const encoded = (length) => Math.ceil(length / 3) * 4;
  const missing = Math.max(encoded(LONGEST_DER) - encoded(signature.length), 0);
  return utf8(JSON.stringify(bundle, null, 2) + "\n".repeat(1 + (signature.length === ED25519_SIGNATURE ? 0 : missing)));
}
