//! What can be done to a bundle, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pgdossier::bundle::{Digest, tree_head_of_lines};
use pgdossier::sign::{Envelope, Signer as _, SigningKey, SshSignature, sign_checked};
use serde::Deserialize;

use super::zip_file::{Change, ZipFile};

/// One deed. In paths and texts `<keyid>` stands for the short id of the key that
/// signed, `<reviewer>` for the reviewer's.
#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Flips the lowest bit of the byte at `at`; negative counts from the end. With `digit`, of the first decimal digit
    /// from there on, so that a digest stays hexadecimal whatever it happens to be.
    Flip {
        file: String,
        at: i64,
        #[serde(default)]
        digit: bool,
    },
    /// Writes a file anew.
    Write {
        file: String,
        text: String,
    },
    /// Adds to a file's end.
    Append {
        file: String,
        text: String,
    },
    /// Cuts bytes off a file's end.
    Cut {
        file: String,
        bytes: usize,
    },
    /// Replaces the first occurrence of a text, which must be there.
    Replace {
        file: String,
        from: String,
        to: String,
    },
    /// Gives a value in a JSON file, by pointer, another value.
    Set {
        file: String,
        pointer: String,
        to: serde_json::Value,
    },
    Remove {
        file: String,
    },
    Rename {
        file: String,
        to: String,
    },
    Copy {
        file: String,
        to: String,
    },
    /// Makes a symbolic link.
    Link {
        file: String,
        to: String,
    },
    /// Makes an empty folder.
    Folder {
        file: String,
    },
    /// Takes the file of the same name from the earlier bundle.
    FromEarlier {
        file: String,
    },
    /// Exchanges a line, counted from 0, with the next one.
    SwapLines {
        file: String,
        line: usize,
    },
    /// Repeats a line, counted from 0.
    RepeatLine {
        file: String,
        line: usize,
    },
    /// Signs `statement.json` as it is now, with the trusted key: the signer is the attacker.
    Sign,
    /// Writes manifest, statement and signatures anew for the files as they are now, with the trusted key.
    Reseal,
    /// Adds the signatures of a key that nobody knows.
    SignAsStranger,
    /// Adds an approval; `set` gives values in its statement, by pointer, before it is signed, `file` another place.
    Review {
        #[serde(default)]
        by: Who,
        #[serde(default)]
        set: BTreeMap<String, serde_json::Value>,
        #[serde(default)]
        file: Option<String>,
    },
    /// The archive: bytes before its first, with or without moving all offsets along.
    ZipPrefix {
        text: String,
        offsets: bool,
    },
    /// The archive: a comment in its end record.
    ZipComment {
        text: String,
    },
    /// The archive: changes what the local or central header of an entry says.
    ZipHeader {
        entry: String,
        #[serde(default)]
        local: Change,
        #[serde(default)]
        central: Change,
    },
    /// The archive: one more entry with the data and headers of `entry`, right after it.
    ZipCopy {
        entry: String,
        to: String,
    },
    /// The archive: the data of an entry as a deflate stream.
    ZipDeflate {
        entry: String,
    },
    /// The archive: the entry has no bytes of its own; its central header points at those of `onto`.
    ZipOverlap {
        entry: String,
        onto: String,
    },
    /// The archive: gives the top folder another name, in every header.
    ZipRenameTop {
        to: String,
    },
    /// The archive: exchanges an entry with the next one.
    ZipSwap {
        entry: String,
    },
}

/// Whose key signs.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Who {
    /// Ines, whom the policy has as a reviewer.
    #[default]
    Reviewer,
    /// Who signed the bundle.
    Preparer,
    /// Nobody knows them.
    Stranger,
}

pub(crate) struct Tampering<'a> {
    pub(crate) bundle: &'a Path,
    pub(crate) earlier: &'a Path,
    pub(crate) key: &'a SigningKey,
    pub(crate) reviewer: &'a SigningKey,
}

impl Tampering<'_> {
    pub(crate) fn carry_out(&self, step: &Step) {
        match step {
            Step::Flip { file, at, digit } => self.edit(file, |bytes| {
                let length = i64::try_from(bytes.len()).unwrap();
                let at = if *at < 0 { length + at } else { *at };
                let mut at = usize::try_from(at).unwrap();
                while *digit && !bytes[at].is_ascii_digit() {
                    at += 1;
                }
                bytes[at] ^= 1;
            }),
            Step::Write { file, text } => {
                let path = self.inside(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, self.named(text)).unwrap();
            }
            Step::Append { file, text } => {
                self.edit(file, |bytes| bytes.extend_from_slice(text.as_bytes()));
            }
            Step::Cut { file, bytes } => self.edit(file, |all| all.truncate(all.len() - bytes)),
            Step::Replace { file, from, to } => self.edit(file, |bytes| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                let (from, to) = (self.named(from), self.named(to));
                assert!(text.contains(&from), "{file} does not contain {from}: {text}");
                *bytes = text.replacen(&from, &to, 1).into_bytes();
            }),
            Step::Set { file, pointer, to } => self.edit(file, |bytes| {
                let mut json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                *json.pointer_mut(pointer).unwrap() = to.clone();
                *bytes = serde_json::to_vec_pretty(&json).unwrap();
            }),
            Step::Remove { file } => {
                let path = self.inside(file);
                std::fs::remove_file(&path).unwrap();
                if path.parent().unwrap().read_dir().unwrap().next().is_none() {
                    std::fs::remove_dir(path.parent().unwrap()).unwrap();
                }
            }
            Step::Rename { file, to } => {
                std::fs::create_dir_all(self.inside(to).parent().unwrap()).unwrap();
                std::fs::rename(self.inside(file), self.inside(to)).unwrap();
            }
            Step::Copy { file, to } => {
                std::fs::create_dir_all(self.inside(to).parent().unwrap()).unwrap();
                std::fs::copy(self.inside(file), self.inside(to)).unwrap();
            }
            Step::Link { file, to } => {
                std::fs::create_dir_all(self.inside(file).parent().unwrap()).unwrap();
                std::os::unix::fs::symlink(to, self.inside(file)).unwrap();
            }
            Step::Folder { file } => std::fs::create_dir_all(self.inside(file)).unwrap(),
            Step::FromEarlier { file } => {
                let file = self.named(file);
                std::fs::copy(self.earlier.join(&file), self.bundle.join(&file)).unwrap();
            }
            Step::SwapLines { file, line } => self.edit_lines(file, |lines| lines.swap(*line, line + 1)),
            Step::RepeatLine { file, line } => {
                self.edit_lines(file, |lines| lines.insert(*line, lines[*line].clone()));
            }
            Step::Sign => self.sign(self.key),
            Step::Reseal => self.reseal(),
            Step::SignAsStranger => self.sign(&SigningKey::generate().unwrap()),
            Step::Review { by, set, file } => match by {
                Who::Reviewer => self.review(self.reviewer, set, file.as_deref()),
                Who::Preparer => self.review(self.key, set, file.as_deref()),
                Who::Stranger => self.review(&SigningKey::generate().unwrap(), set, file.as_deref()),
            },
            Step::ZipPrefix { text, offsets } => self.rezip(|zip| {
                zip.prefix = text.clone().into_bytes();
                zip.offsets_include_prefix = *offsets;
            }),
            Step::ZipComment { text } => self.rezip(|zip| zip.comment = text.clone().into_bytes()),
            Step::ZipHeader {
                entry,
                local,
                central,
            } => self.rezip(|zip| {
                let entry = zip.entry(entry);
                local.apply(&mut entry.local);
                central.apply(&mut entry.central);
            }),
            Step::ZipCopy { entry, to } => self.rezip(|zip| zip.copy(entry, to)),
            Step::ZipDeflate { entry } => self.rezip(|zip| zip.entry(entry).deflate()),
            Step::ZipOverlap { entry, onto } => self.rezip(|zip| zip.overlap(entry, onto)),
            Step::ZipRenameTop { to } => self.rezip(|zip| zip.rename_top(to)),
            Step::ZipSwap { entry } => self.rezip(|zip| zip.swap_with_next(entry)),
        }
    }

    fn named(&self, text: &str) -> String {
        text.replace("<keyid>", self.key.public_key().short_keyid())
            .replace("<reviewer>", self.reviewer.public_key().short_keyid())
    }

    fn inside(&self, file: &str) -> PathBuf {
        self.bundle.join(self.named(file))
    }

    /// `file` is empty for the archive itself.
    fn edit(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = if file.is_empty() {
            self.bundle.to_owned()
        } else {
            self.inside(file)
        };
        let mut bytes = std::fs::read(&path).unwrap();
        let before = bytes.clone();
        change(&mut bytes);
        assert_ne!(bytes, before, "the step changes nothing in {}", path.display());
        std::fs::write(path, bytes).unwrap();
    }

    fn edit_lines(&self, file: &str, change: impl FnOnce(&mut Vec<String>)) {
        self.edit(file, |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
            change(&mut lines);
            *bytes = lines.concat().into_bytes();
        });
    }

    fn rezip(&self, change: impl FnOnce(&mut ZipFile)) {
        self.edit("", |bytes| {
            let mut zip = ZipFile::parse(bytes);
            assert_eq!(zip.to_bytes(), *bytes, "the test's own writer is wrong");
            change(&mut zip);
            *bytes = zip.to_bytes();
        });
    }

    fn review(&self, key: &SigningKey, set: &BTreeMap<String, serde_json::Value>, file: Option<&str>) {
        let statement = std::fs::read(self.bundle.join("statement.json")).unwrap();
        let keyid = key.public_key().keyid();
        let mut json = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "statement.json", "digest": {"sha256": Digest::of(&statement).to_string()}}],
            "predicateType": "urn:pgdossier:review:v1",
            "predicate": {
                "bundleId": "acme-2026-Q4", "decision": "approve", "comment": "", "reviewedAt": "2026-10-01T12:00:00Z",
                "tool": {"name": "pgdossier", "version": "0.1.0"},
                "signer": {"keyid": keyid, "role": "reviewer"},
            },
        });
        for (pointer, value) in set {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            json.pointer_mut(parent).unwrap()[name] = value.clone();
        }
        let role = json["predicate"]["signer"]["role"].as_str().unwrap().to_owned();
        let own = format!("reviews/{role}-{}.sigstore.json", key.public_key().short_keyid());
        let path = file.map_or_else(|| self.bundle.join(own), |file| self.inside(file));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, envelope(key, serde_json::to_vec_pretty(&json).unwrap())).unwrap();
    }

    fn sign(&self, key: &SigningKey) {
        let statement = std::fs::read(self.bundle.join("statement.json")).unwrap();
        let stem = format!("signatures/preparer-{}", key.public_key().short_keyid());
        std::fs::create_dir_all(self.bundle.join("signatures")).unwrap();
        let path = |suffix: &str| self.bundle.join(format!("{stem}{suffix}"));
        std::fs::write(path(".sigstore.json"), envelope(key, statement.clone())).unwrap();
        let ssh = SshSignature::sign(key, &statement).unwrap();
        std::fs::write(path(".sshsig"), ssh.to_armor()).unwrap();
    }

    fn reseal(&self) {
        let mut lines: Vec<(String, Digest)> = super::files_below(self.bundle)
            .into_iter()
            .map(|file| {
                let path = file
                    .strip_prefix(self.bundle)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                (path, Digest::of(&std::fs::read(file).unwrap()))
            })
            .filter(|(path, _)| {
                path != "MANIFEST.sha256" && path != "statement.json" && !path.starts_with("signatures/")
            })
            .collect();
        lines.sort();
        let manifest: String = lines
            .iter()
            .map(|(path, digest)| format!("{digest}  {path}\n"))
            .collect();
        let tree = tree_head_of_lines(manifest.as_bytes());
        let statement = self.bundle.join("statement.json");
        let mut json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&statement).unwrap()).unwrap();
        json["subject"][0]["digest"]["sha256"] = Digest::of(manifest.as_bytes()).to_string().into();
        json["predicate"]["manifest"]["size"] = tree.size.into();
        json["predicate"]["manifest"]["root"] = tree.root.to_string().into();
        std::fs::write(statement, serde_json::to_vec_pretty(&json).unwrap()).unwrap();
        std::fs::write(self.bundle.join("MANIFEST.sha256"), manifest).unwrap();
        self.sign(self.key);
    }
}

/// A signed envelope's bytes.
fn envelope(key: &SigningKey, payload: Vec<u8>) -> Vec<u8> {
    let mut envelope = Envelope {
        payload,
        signature: Vec::new(),
        keyid: key.public_key().keyid().to_owned(),
        token: None,
    };
    envelope.signature = sign_checked(key, &envelope.signed_bytes()).unwrap();
    envelope.to_sigstore_json()
}
