//! ECDSA signatures on P-256: the two numbers as DER, as 64 bytes and as SSH has them, and their one canonical form.

use super::ssh_wire::{put_string, take_string};

/// The longest DER of a canonical signature: a sequence of an integer of 33 bytes and one of 32.
pub(super) const LONGEST_DER: usize = 71;
const HALF: usize = 32;
/// The order of the curve's group, and half of it.
const ORDER: [u8; HALF] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const HALF_ORDER: [u8; HALF] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];
const INTEGER: u8 = 2;
const SEQUENCE: u8 = 0x30;

/// The numbers r and s, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct P256Signature {
    r: [u8; HALF],
    s: [u8; HALF],
}

impl P256Signature {
    /// What a signer returned: DER, or r and s one after the other.
    pub(super) fn from_any(bytes: &[u8]) -> Option<Self> {
        Self::from_der(bytes).or_else(|| {
            let (r, s) = bytes.split_first_chunk()?;
            Some(Self {
                r: *r,
                s: s.try_into().ok()?,
            })
        })
    }

    /// Strict DER.
    pub(super) fn from_der(bytes: &[u8]) -> Option<Self> {
        let (tag_and_length, body) = bytes.split_first_chunk::<2>()?;
        let mut rest = body;
        let read = Self {
            r: take_integer(&mut rest)?,
            s: take_integer(&mut rest)?,
        };
        let exact = *tag_and_length == [SEQUENCE, u8::try_from(body.len()).ok()?] && rest.is_empty();
        exact.then_some(read)
    }

    pub(super) fn to_der(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(LONGEST_DER);
        for number in [&self.r, &self.s] {
            let number = shortest(number);
            body.extend([INTEGER, byte(number.len())]);
            body.extend(number);
        }
        let mut der = vec![SEQUENCE, byte(body.len())];
        der.extend(body);
        der
    }

    /// As SSH has it (RFC 5656): two `mpint`.
    pub(super) fn from_ssh(mut blob: &[u8]) -> Option<Self> {
        let read = Self {
            r: widen(take_string(&mut blob)?)?,
            s: widen(take_string(&mut blob)?)?,
        };
        blob.is_empty().then_some(read)
    }

    pub(super) fn to_ssh(self) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, &shortest(&self.r));
        put_string(&mut blob, &shortest(&self.s));
        blob
    }

    /// With s and its negative both good, the smaller one is canonical: nobody can write the signature another way.
    pub(super) fn canonical(self) -> Self {
        if self.is_canonical() {
            self
        } else {
            Self {
                r: self.r,
                s: subtract(&ORDER, &self.s),
            }
        }
    }

    pub(super) fn is_canonical(self) -> bool {
        self.s <= HALF_ORDER
    }
}

/// Lengths here are below 128.
fn byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// The shortest two's complement form of a positive number.
fn shortest(number: &[u8; HALF]) -> Vec<u8> {
    let digits = number.iter().copied().skip_while(|digit| *digit == 0);
    let mut short: Vec<u8> = digits.collect();
    if short.first().is_none_or(|first| first & 0x80 != 0) {
        short.insert(0, 0);
    }
    short
}

/// The inverse of [`shortest`]; nothing for any other form.
fn widen(short: &[u8]) -> Option<[u8; HALF]> {
    let digits = short.strip_prefix(&[0]).unwrap_or(short);
    let mut number = [0; HALF];
    number
        .get_mut(HALF.checked_sub(digits.len())?..)?
        .copy_from_slice(digits);
    (shortest(&number) == short).then_some(number)
}

fn take_integer(rest: &mut &[u8]) -> Option<[u8; HALF]> {
    let ([tag, length], after) = rest.split_first_chunk::<2>()?;
    let (number, after) = after.split_at_checked(usize::from(*length))?;
    *rest = after;
    (*tag == INTEGER).then_some(number).and_then(widen)
}

/// `a - b`, modulo 2^256.
fn subtract(a: &[u8; HALF], b: &[u8; HALF]) -> [u8; HALF] {
    let mut difference = [0; HALF];
    let mut borrow = false;
    for ((to, a), b) in difference.iter_mut().zip(a).zip(b).rev() {
        let (first, under) = a.overflowing_sub(*b);
        let (second, under_again) = first.overflowing_sub(u8::from(borrow));
        (*to, borrow) = (second, under || under_again);
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(last: u8) -> [u8; HALF] {
        let mut number = [0; HALF];
        number[HALF - 1] = last;
        number
    }

    #[test]
    fn every_form_reads_back() {
        for (r, s) in [
            (number(1), number(0x80)),
            (ORDER, HALF_ORDER),
            ([0xff; HALF], number(0)),
        ] {
            let signature = P256Signature { r, s };
            assert_eq!(P256Signature::from_der(&signature.to_der()), Some(signature));
            assert_eq!(P256Signature::from_ssh(&signature.to_ssh()), Some(signature));
            assert_eq!(P256Signature::from_any(&[r, s].concat()), Some(signature));
        }
    }

    #[test]
    fn other_ways_to_write_a_number_are_refused() {
        assert_eq!(P256Signature::from_der(&[0x30, 6, 2, 1, 1, 2, 1, 0x80]), None);
        assert_eq!(P256Signature::from_der(&[0x30, 7, 2, 2, 0, 1, 2, 1, 1]), None);
        assert_eq!(P256Signature::from_der(&[0x30, 6, 2, 1, 1, 2, 1, 1, 0]), None);
        assert_eq!(P256Signature::from_der(&[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1]), None);
        assert!(P256Signature::from_der(&[0x30, 6, 2, 1, 1, 2, 1, 1]).is_some());
    }

    #[test]
    fn the_smaller_s_is_canonical() {
        let low = P256Signature {
            r: number(1),
            s: HALF_ORDER,
        };
        assert_eq!(low.canonical(), low);
        let high = P256Signature {
            r: number(1),
            s: subtract(&ORDER, &number(5)),
        };
        assert!(!high.is_canonical());
        assert_eq!(high.canonical().s, number(5));
        assert_eq!(
            P256Signature {
                r: [0xff; HALF],
                s: HALF_ORDER
            }
            .to_der()
            .len(),
            LONGEST_DER
        );
    }
}
