//! `pgdossier timestamp`: have an authority prove when a bundle was signed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::arguments::open_bundle;
use super::attested::{Existing, put_file};
use super::output::Output;
use super::{Exit, Stop};
use crate::bundle::put_unlisted;
use crate::sign::{
    Envelope, Roots, SignError, TimestampRequest, TrustPolicy, ask_authority, check_token, seal_token,
};

/// A request or response is far smaller.
const FILE_LIMIT: u64 = 1 << 20;

#[derive(Debug, Args)]
#[command(
    after_help = "Without access to a network: write a request with --request, carry it to a machine that has \
one, send it (`curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE URL -o RESPONSE`), carry the \
response back, and add it with --response (and the same --request, to be sure that it is the answer)."
)]
pub(super) struct Arguments {
    /// The bundle: its folder or its ZIP. If the other one lies beside it, the same token is added to both.
    bundle: PathBuf,
    /// The address of a time-stamping authority (RFC 3161).
    #[arg(long, value_name = "URL", conflicts_with_all = ["request", "response"], required_unless_present_any = ["request", "response"])]
    tsa: Option<String>,
    /// Write a request to this file; with --response, the request that it answers.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Add the authority's response in this file.
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,
    /// The signature that the time is of, as a path in the bundle; the one without a token when absent.
    #[arg(long, value_name = "PATH")]
    signature: Option<String>,
    /// A trust policy: the token has to lead to a root of its time-stamping authorities.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// How long the authority may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let roots = roots(arguments.trust.as_deref())?;
    let (path, mut envelope) = signature(arguments)?;
    if let (Some(file), None) = (&arguments.request, &arguments.response) {
        if file.exists() {
            let file = file.display();
            return Err(Stop::usage(format!(
                "`{file}` exists already; choose another name, or add --response to complete it"
            )));
        }
        let request = TimestampRequest::new(&envelope.signature).map_err(Stop::failed)?;
        put_file(file, &request.to_der().map_err(Stop::failed)?, Existing::Kept)?;
        output.note("send it to a time-stamping authority, then add its response with --response");
        output.result(&json!({"request": file, "signature": path}), || {
            file.display().to_string()
        });
        return Ok(Exit::Good);
    }
    let (response, request) = response(arguments, &envelope)?;
    let (token, time) = seal_token(&response, &envelope.signature, request.as_ref(), roots.as_ref())
        .map_err(|error| {
            Stop::failed(format!(
                "the response proves nothing: {error}; nothing was written"
            ))
        })?;
    if let Some(roots) = &roots {
        check_token(&token, &envelope.signature, roots).map_err(Stop::failed)?;
    }
    let before = envelope.to_sigstore_json();
    envelope.token = Some(token);
    let files = [(path.clone(), envelope.to_sigstore_json())];
    put_unlisted(&arguments.bundle, &files).map_err(Stop::failed)?;
    let twin = twin(&arguments.bundle, &path, &before);
    if let Some(twin) = &twin {
        put_unlisted(twin, &files).map_err(Stop::failed)?;
    }
    if roots.is_none() {
        output.note("whether the authority is trusted was not checked: no --trust was given");
    }
    let at = time.latest.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let bundles: Vec<&Path> = std::iter::once(arguments.bundle.as_path())
        .chain(twin.as_deref())
        .collect();
    let json = json!({"signature": path, "time": at, "authority": time.authority, "bundles": bundles});
    output.result(&json, || {
        format!("{path}: signed by {at}, says {}", time.authority.escape_debug())
    });
    Ok(Exit::Good)
}

fn roots(policy: Option<&Path>) -> Result<Option<Roots>, Stop> {
    let Some(path) = policy else { return Ok(None) };
    let policy = TrustPolicy::load(path).map_err(Stop::usage)?;
    let rule = policy.timestamp.ok_or_else(|| {
        Stop::usage(format!(
            "`{}` names no root of a time-stamping authority; see `pgdossier trust init --timestamp-root`",
            path.display()
        ))
    })?;
    Roots::from_pem(&rule.roots).map(Some).map_err(Stop::usage)
}

/// The signature that is asked about. Its bundle has to be whole.
fn signature(arguments: &Arguments) -> Result<(String, Envelope), Stop> {
    let invalid = |message: String| Stop {
        exit: Exit::Invalid,
        message,
    };
    let envelopes = open_bundle(&arguments.bundle)?
        .envelopes()
        .map_err(|error| invalid(error.to_string()))?;
    let paths: Vec<String> = envelopes.iter().map(|(path, _)| path.clone()).collect();
    let mut fitting = envelopes
        .into_iter()
        .filter(|(path, envelope)| match &arguments.signature {
            Some(wanted) => path == wanted,
            None => envelope.token.is_none(),
        });
    let found = match (fitting.next(), fitting.next()) {
        (Some(found), None) => found,
        (Some(_), Some(_)) => {
            return Err(Stop::usage(format!(
                "the bundle has more than one signature without a token; name one with --signature: {}",
                paths.join(", ")
            )));
        }
        (None, _) => {
            return Err(Stop::usage(match &arguments.signature {
                Some(wanted) => format!(
                    "the bundle has no signature `{wanted}`; it has: {}",
                    paths.join(", ")
                ),
                None => "every signature of the bundle has a token already".to_owned(),
            }));
        }
    };
    if found.1.token.is_some() {
        return Err(Stop::usage(format!("`{}` has a token already", found.0)));
    }
    Ok(found)
}

/// The authority's response, and the request that it must answer, if that is known.
fn response(arguments: &Arguments, envelope: &Envelope) -> Result<(Vec<u8>, Option<TimestampRequest>), Stop> {
    if let Some(url) = &arguments.tsa {
        let request = TimestampRequest::new(&envelope.signature).map_err(Stop::failed)?;
        let limit = Duration::from_secs(arguments.timeout);
        let response = ask_authority(url, &request, limit).map_err(Stop::failed)?;
        return Ok((response, Some(request)));
    }
    let file = arguments.response.as_deref().unwrap_or(Path::new(""));
    let request = arguments.request.as_deref().map(|path| {
        let request = TimestampRequest::from_der(&read(path)?);
        let request = request.map_err(|reason| Stop::usage(format!("`{}`: {reason}", path.display())))?;
        if request.is_about(&envelope.signature) {
            Ok(request)
        } else {
            Err(Stop::usage(format!(
                "`{}` asks about another signature",
                path.display()
            )))
        }
    });
    Ok((read(file)?, request.transpose()?))
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    use std::io::Read as _;
    let failed = |source| Stop::failed(SignError::file("read", path, source));
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(failed)?
        .take(FILE_LIMIT)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// The same bundle in its other form, beside this one, if it has the very signature that the token is of.
fn twin(bundle: &Path, signature: &str, before: &[u8]) -> Option<PathBuf> {
    let (path, other) = super::twin::of(bundle)?;
    let envelopes = other.envelopes().ok()?;
    let same = envelopes
        .iter()
        .any(|(path, envelope)| path == signature && envelope.to_sigstore_json() == before);
    same.then_some(path)
}
