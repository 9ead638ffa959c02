//! What a server offers beyond plain SMTP.

use super::line::Answer;

/// What the server offers (RFC 1869).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of extensions, each of which is offered or not")]
pub(super) struct Offers {
    pub(super) starttls: bool,
    pub(super) pipelining: bool,
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
    pub(super) dsn: bool,
    pub(super) require_tls: bool,
    pub(super) size: Option<i64>,
    pub(super) has_size: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
}

impl Offers {
    pub(super) fn read(answer: &Answer) -> Self {
        let mut offers = Self::default();
        for line in answer.lines.iter().skip(1) {
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            let Some(name) = words.next() else { continue };
            match name.to_ascii_uppercase().as_str() {
                "STARTTLS" => offers.starttls = true,
                "PIPELINING" => offers.pipelining = true,
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.utf8 = true,
                "DSN" => offers.dsn = true,
                "REQUIRETLS" => offers.require_tls = true,
                "SIZE" => {
                    offers.has_size = true;
                    offers.size = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0);
                }
                "AUTH" => {
                    for word in words {
                        offers.plain |= word.eq_ignore_ascii_case("PLAIN");
                        offers.login |= word.eq_ignore_ascii_case("LOGIN");
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_whatever_their_case() {
        let lines = ["mx.test", "size 1000", "AUTH=PLAIN LOGIN", "StartTLS", "PIPELINING", "DSN", "8BITMIME"];
        let answer = Answer { code: 250, lines: lines.map(str::to_owned).to_vec(), ..Answer::default() };
        let offers = Offers::read(&answer);
        assert_eq!(offers.size, Some(1_000));
        assert!(offers.starttls && offers.pipelining && offers.dsn && offers.eight_bit && !offers.utf8);
        assert!(offers.plain && offers.login);
    }
}
