//! From an authority's response to what is stored: the same token without what nobody signed or needs.

use der::asn1::{Any, SetOfVec};
use der::{Decode as _, Encode as _};

use super::asn1::{ContentInfo, SignerInfo, StatusInfo, TimeStampResp};
use super::certificate;
use super::request::TimestampRequest;
use super::roots::Roots;
use super::token::{Checked, ProvenTime, TokenError, TokenFailure, check_content};

const GRANTED: u8 = 0;
const GRANTED_WITH_MODIFICATIONS: u8 = 1;

/// Checks a response and writes it in the one form that is stored: granted, without remarks, with the certificates
/// from its signer up to, but not including, a root. Without roots, those that name each other.
///
/// # Errors
/// The first thing that is wrong.
pub fn seal_token(
    response: &[u8],
    signature: &[u8],
    request: Option<&TimestampRequest>,
    roots: Option<&Roots>,
) -> Result<(Vec<u8>, ProvenTime), TokenError> {
    let format = |message: String| TokenError::new(TokenFailure::Format, message);
    let response = TimeStampResp::from_der(response)
        .map_err(|error| format(format!("it is not a time-stamp response: {error}")))?;
    let mut token = granted(response)?;
    token.content.revocations = None;
    token.content.signers = token
        .content
        .signers
        .iter()
        .map(|signer| SignerInfo {
            unsigned: None,
            ..signer.clone()
        })
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|error: der::Error| format(error.to_string()))?;
    let checked = check_content(&token, signature, request)?;
    let way = match roots {
        Some(roots) => roots.way_to(&checked.signer, &checked.others, checked.time.at)?,
        None => way_by_names(&checked)?,
    };
    let certificates: Result<Vec<Any>, der::Error> = std::iter::once(&checked.signer)
        .chain(&way)
        .map(|der| Any::from_der(der))
        .collect();
    let certificates = certificates.and_then(SetOfVec::try_from);
    token.content.certificates = Some(certificates.map_err(|error| format(error.to_string()))?);
    let stored = TimeStampResp {
        status: StatusInfo {
            status: GRANTED,
            text: None,
            failure: None,
        },
        token: Some(token),
    };
    let bytes = stored.to_der().map_err(|error| format(error.to_string()))?;
    Ok((bytes, checked.time))
}

fn granted(response: TimeStampResp) -> Result<ContentInfo, TokenError> {
    let status = response.status;
    match (status.status, response.token) {
        (GRANTED | GRANTED_WITH_MODIFICATIONS, Some(token)) => Ok(token),
        (number, _) => {
            let words = status.text.unwrap_or_default().join("; ");
            let message = format!(
                "the authority refused (status {number}): {}",
                if words.is_empty() {
                    "without a reason"
                } else {
                    &words
                }
            );
            Err(TokenError::new(TokenFailure::Refused, message))
        }
    }
}

/// From the signer's certificate to its issuer's and on, without one that issued itself.
fn way_by_names(checked: &Checked) -> Result<Vec<Vec<u8>>, TokenError> {
    let mut way: Vec<Vec<u8>> = Vec::new();
    let mut issuer = certificate::parse(&checked.signer)?.issuer().as_raw().to_vec();
    loop {
        let mut next = None;
        for der in &checked.others {
            let parsed = certificate::parse(der)?;
            let (subject, above) = (parsed.subject().as_raw(), parsed.issuer().as_raw());
            if subject == issuer && subject != above && !way.contains(der) {
                next = Some((der.clone(), above.to_vec()));
                break;
            }
        }
        let Some((der, above)) = next else {
            return Ok(way);
        };
        way.push(der);
        issuer = above;
    }
}
