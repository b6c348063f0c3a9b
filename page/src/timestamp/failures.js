// Why a token proves nothing, by the stable names that docs/bundle-format.md explains.

export class TokenError extends Error {
  constructor(kind, message) {
    super(message);
    this.code = `timestamp.${kind}`;
  }
}
