//! VERIFY.md: how to check the bundle with tools that everybody has.

use crate::sign::Scheme;

/// The text for a bundle signed in files that begin with `stem` by a key of this kind.
pub(crate) fn text(bundle_id: &str, stem: &str, namespace: &str, scheme: Scheme) -> String {
    let verify = match scheme {
        Scheme::Ed25519 => {
            "openssl pkeyutl -verify -pubin -inkey ../signer.pem -rawin -in ../signed.bin -sigfile ../signature.bin"
        }
        Scheme::P256 => {
            "openssl dgst -sha256 -verify ../signer.pem -signature ../signature.bin ../signed.bin"
        }
    };
    // The kind of key, what precedes its own bytes in SSH's format, and how many these are.
    let (kind, before, length) = match scheme {
        Scheme::Ed25519 => ("ssh-ed25519", r"\0\0\0\013ssh-ed25519\0\0\0 ", 32),
        Scheme::P256 => (
            "ecdsa-sha2-nistp256",
            r"\0\0\0\023ecdsa-sha2-nistp256\0\0\0\010nistp256\0\0\0\101",
            65,
        ),
    };
    format!(
        r#"# Checking bundle {bundle_id} by hand

You need `sha256sum`, `openssl` 3 and `ssh-keygen`, and the signer's public key, which must come from the signer over
a channel that you trust, never from this bundle. Save it as `signer.pem` beside (not in) this folder, then run the
commands below, in this folder, in a Bourne shell. Each block must succeed.

1. Every listed file is intact, and no other file is here. The second command prints nothing.

```sh
sha256sum --quiet --strict -c MANIFEST.sha256
( find . ! -type d | sed 's|^\./||' | grep -v -e '^MANIFEST\.sha256$' -e '^statement\.json$' -e '^signatures/' -e '^reviews/'; cut -c67- MANIFEST.sha256 ) | LC_ALL=C sort | uniq -u
```

2. The statement is about this manifest.

```sh
grep -q "\"sha256\": \"$(sha256sum < MANIFEST.sha256 | cut -c1-64)\"" statement.json
```

3. The envelope holds this statement and its signature verifies (DSSE).

```sh
sed -n 's/.*"payload": "\([^"]*\)".*/\1/p' {stem}.sigstore.json | base64 -d | cmp - statement.json
sed -n 's/.*"sig": "\([^"]*\)".*/\1/p' {stem}.sigstore.json | base64 -d > ../signature.bin
( printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < statement.json)"; cat statement.json ) > ../signed.bin
{verify}
```

4. The same key signed the statement for `ssh-keygen`.

```sh
( printf 'signer {kind} '; ( printf '{before}'; openssl pkey -pubin -in ../signer.pem -outform DER | tail -c {length} ) | base64 | tr -d '\n'; echo ) > ../allowed_signers
ssh-keygen -Y verify -f ../allowed_signers -I signer -n {namespace} -s {stem}.sshsig < statement.json
```

5. Only if a time-stamping authority proved the time of signing (`signedTimestamp` is in the file): the token is over
this signature. Its root certificate, `authority.pem`, must come from the authority, never from this bundle.

```bash
sed -n 's/.*"signedTimestamp": "\([^"]*\)".*/\1/p' {stem}.sigstore.json | base64 -d > ../response.tsr
openssl ts -verify -data ../signature.bin -in ../response.tsr -CAfile ../authority.pem
openssl ts -reply -in ../response.tsr -text | grep 'Time stamp:'
```

6. Only if somebody reviewed the bundle (`reviews/` is here): each review holds a statement about this one, with what was
decided. The reviewer's key, `reviewer.pem`, must come from the reviewer. What verifies it depends on the kind of key. A
review by somebody else is named and not shown.

```bash
for review in reviews/*.sigstore.json; do
  [ -e "$review" ] || continue
  sed -n 's/.*"payload": "\([^"]*\)".*/\1/p' "$review" | base64 -d > ../review.json
  sed -n 's/.*"sig": "\([^"]*\)".*/\1/p' "$review" | base64 -d > ../review.sig
  ( printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < ../review.json)"; cat ../review.json ) > ../review.bin
  grep -q "\"sha256\": \"$(sha256sum < statement.json | cut -c1-64)\"" ../review.json &&
    {{ openssl pkeyutl -verify -pubin -inkey ../reviewer.pem -rawin -in ../review.bin -sigfile ../review.sig ||
       openssl dgst -sha256 -verify ../reviewer.pem -signature ../review.sig ../review.bin; }} &&
    cat ../review.json || echo "not by this key, or about another bundle: $review"
done
```

7. Only if this is a redacted copy (`redaction/` is here): in step 1, `sha256sum` needs `--ignore-missing`, and the second
command prints what is withheld and what is under `redaction/` and `redacted/`. What is withheld is signed by whoever made
the copy; their key, `redactor.pem`, must come from them. The third command prints nothing if just what they name is
missing, and the fourth checks what is shown of files in part. That it leads to what was sealed, `pgdossier verify` checks.

```bash
for redaction in redaction/*.sigstore.json; do
  [ -e "$redaction" ] || continue
  sed -n 's/.*"payload": "\([^"]*\)".*/\1/p' "$redaction" | base64 -d > ../redaction.json
  sed -n 's/.*"sig": "\([^"]*\)".*/\1/p' "$redaction" | base64 -d > ../redaction.sig
  ( printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < ../redaction.json)"; cat ../redaction.json ) > ../redaction.bin
  grep -q "\"sha256\": \"$(sha256sum < statement.json | cut -c1-64)\"" ../redaction.json
  openssl pkeyutl -verify -pubin -inkey ../redactor.pem -rawin -in ../redaction.bin -sigfile ../redaction.sig ||
    openssl dgst -sha256 -verify ../redactor.pem -signature ../redaction.sig ../redaction.bin
  ( sed -n 's/^ *"path": "\([^"]*\)",$/\1/p' ../redaction.json; cut -c67- MANIFEST.sha256 | while read -r path; do [ -e "$path" ] || echo "$path"; done ) | LC_ALL=C sort | uniq -u
  awk -F'"' '$2 == "path" {{ path = $4 }} $2 == "sha256" && path {{ print $4 "  redacted/" path ".rows.ndjson" }}' ../redaction.json > ../redacted.sha256
  [ ! -s ../redacted.sha256 ] || sha256sum --quiet --strict -c ../redacted.sha256
done
```

This shows that the holder of that key signed these bytes, and with a token by when. Without one it does not show when,
nor that the key was valid then; nor that no bundle of the series was left out. `pgdossier verify` with a trust policy
checks more.
"#
    )
}
