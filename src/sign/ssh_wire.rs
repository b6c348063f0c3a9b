//! Strings as SSH puts them on the wire (RFC 4251): a big-endian 32-bit length and the bytes.

/// Appends a `string`.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Only what is known to be short is written: never near 4 GiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Takes a `string` from the front of `rest`.
pub(super) fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_u32(rest)?;
    let (string, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(string)
}

/// Takes a `uint32` from the front of `rest`.
pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*number))
}
