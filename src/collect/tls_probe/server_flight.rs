//! What a server answers to a client's first message, read from hostile bytes.

/// Everything that a server said in clear.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Flight {
    /// Protocol version and cipher suite, once it has chosen.
    pub(super) hello: Option<(u16, u16)>,
    /// Its certificates, DER, the server's own first. Encrypted from TLS 1.3 on.
    pub(super) certificates: Vec<Vec<u8>>,
    /// Size of the Diffie-Hellman group, in bits.
    pub(super) dh_bits: Option<usize>,
    /// A fatal alert.
    pub(super) alert: Option<u8>,
    /// Nothing more is to come that could be read.
    pub(super) done: bool,
    /// Why it is no TLS.
    pub(super) malformed: Option<&'static str>,
}

/// No server of ours needs more for its first answer.
pub(super) const LONGEST: usize = 128 * 1024;
const MOST_CERTIFICATES: usize = 16;

impl Flight {
    /// What these bytes, perhaps not all of them yet, say.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut flight = Self::default();
        let mut messages = Vec::new();
        let mut rest = Bytes(bytes);
        while let Some((kind, content)) = flight.record(&mut rest) {
            match kind {
                21 => flight.take_alert(content),
                22 => messages.extend_from_slice(content),
                20 | 23 => flight.done = true, // encrypted from here on
                _ => flight.malformed = Some("a record of unknown kind"),
            }
            if flight.is_over() {
                break;
            }
        }
        flight.take_messages(&messages);
        flight
    }

    /// Whether reading on would tell nothing more.
    pub(super) fn is_over(&self) -> bool {
        self.done || self.alert.is_some() || self.malformed.is_some()
    }

    fn record<'a>(&mut self, rest: &mut Bytes<'a>) -> Option<(u8, &'a [u8])> {
        let mut ahead = *rest;
        let kind = ahead.number(1)?;
        if !(20..=23).contains(&kind) {
            self.malformed = Some("the answer is no TLS record");
            return None;
        }
        if ahead.number(1)? != 3 {
            self.malformed = Some("the answer is of no known TLS version");
            return None;
        }
        ahead.number(1)?;
        let content = ahead.block(2)?;
        *rest = ahead;
        Some((u8::try_from(kind).unwrap_or_default(), content))
    }

    fn take_alert(&mut self, content: &[u8]) {
        match content {
            // A warning; the handshake goes on, unless it says that it ends.
            [1, description] if *description != 0 => {}
            [1 | 2, description] => self.alert = Some(*description),
            _ => self.malformed = Some("an alert of a wrong length"),
        }
    }

    fn take_messages(&mut self, messages: &[u8]) {
        let mut rest = Bytes(messages);
        while let Some(kind) = rest.number(1) {
            let Some(mut body) = rest.block(3).map(Bytes) else {
                return;
            };
            let understood = match kind {
                2 if self.hello.is_none() => self.take_hello(&mut body),
                11 => self.take_certificates(&mut body),
                12 => {
                    self.take_key_exchange(&mut body);
                    Some(())
                }
                14 => {
                    self.done = true;
                    Some(())
                }
                _ => Some(()),
            };
            if understood.is_none() {
                self.malformed = Some("a handshake message that breaks off");
                return;
            }
        }
    }

    fn take_hello(&mut self, body: &mut Bytes<'_>) -> Option<()> {
        let mut version = body.number(2)?;
        body.take(32)?;
        body.block(1)?;
        let suite = body.number(2)?;
        body.number(1)?;
        let mut extensions = Bytes(body.block(2).unwrap_or_default());
        while let Some(number) = extensions.number(2) {
            let mut content = Bytes(extensions.block(2)?);
            if number == 0x002b {
                version = content.number(2)?;
            }
        }
        self.hello = Some((u16::try_from(version).ok()?, u16::try_from(suite).ok()?));
        self.done = version >= 0x0304;
        Some(())
    }

    fn take_certificates(&mut self, body: &mut Bytes<'_>) -> Option<()> {
        let mut list = Bytes(body.block(3)?);
        while !list.0.is_empty() && self.certificates.len() < MOST_CERTIFICATES {
            self.certificates.push(list.block(3)?.to_vec());
        }
        Some(())
    }

    /// The modulus comes first when the exchange is Diffie-Hellman; whoever asks knows from the suite whether it is.
    fn take_key_exchange(&mut self, body: &mut Bytes<'_>) {
        let modulus = body.block(2).unwrap_or_default();
        let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
        self.dh_bits = modulus.get(zeros).map(|first| {
            (modulus.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).unwrap_or_default()
        });
    }
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, width: usize) -> Option<usize> {
        let taken = self.take(width)?;
        Some(taken.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// Content with its length, of so many bytes, before it.
    fn block(&mut self, width: usize) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = ahead.number(width)?;
        let content = ahead.take(length)?;
        *self = ahead;
        Some(content)
    }
}

#[cfg(test)]
#[path = "server_flight/tests.rs"]
mod tests;
