//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), with the channel bindings `tls-exporter` (RFC 9266)
//! and `tls-server-end-point` (RFC 5929).
//!
//! ```text
//! client-first-message = gs2-header "n=" saslname ",r=" c-nonce ["," extensions]
//! server-first-message = "r=" nonce ",s=" salt ",i=" iteration-count
//! client-final-message = "c=" base64(gs2-header [cb-data]) ",r=" nonce ["," extensions] ",p=" proof
//! server-final-message = "v=" verifier
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::credentials::ScramKeys;

use super::bearer::unescape;
use super::{Bindings, Malformed, Step, text};

/// An exchange of SCRAM.
pub(super) struct Scram {
    plus: bool,
    bindings: Bindings,
    plus_offered: bool,
    /// The server's part of the nonce.
    nonce: String,
    at: At,
}

enum At {
    Begin,
    WantsKeys(First),
    WantsProof { first: First, server_first: String, keys: ScramKeys },
    Done,
}

/// What the client said first.
struct First {
    /// What `c=` must say.
    bound: Vec<u8>,
    bare: String,
    nonce: String,
}

impl Scram {
    pub(super) fn new(plus: bool, bindings: Bindings, plus_offered: bool, nonce: String) -> Self {
        Self { plus, bindings, plus_offered, nonce, at: At::Begin }
    }

    pub(super) fn respond(&mut self, message: &[u8]) -> Result<Step, Malformed> {
        match std::mem::replace(&mut self.at, At::Done) {
            At::Begin => self.first(text(message)?),
            At::WantsProof { first, server_first, keys } => {
                Self::last(text(message)?, &first, &server_first, &keys)
            }
            At::WantsKeys(_) | At::Done => Err(Malformed("SCRAM has two messages")),
        }
    }

    fn first(&mut self, message: &str) -> Result<Step, Malformed> {
        let (flag, rest) = message.split_once(',').ok_or(Malformed("SCRAM begins with n, y or p="))?;
        let (authorize, bare) =
            rest.split_once(',').ok_or(Malformed("SCRAM has a header before the name"))?;
        let binding = self.binding(flag)?;
        let header = message.get(..message.len() - bare.len()).unwrap_or_default();
        let mut bound = header.as_bytes().to_vec();
        bound.extend_from_slice(binding);
        let authorize = match authorize.strip_prefix("a=") {
            Some(name) => unescape(name)?,
            None if authorize.is_empty() => String::new(),
            None => return Err(Malformed("SCRAM names whom to act as with a=")),
        };
        let mut attributes = bare.split(',');
        let name = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("n="))
            .ok_or(Malformed("SCRAM names the account with n="))?;
        let nonce = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("r="))
            .filter(|nonce| {
                !nonce.is_empty() && nonce.len() <= 256 && nonce.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .ok_or(Malformed("SCRAM has a nonce"))?;
        let name = unescape(name)?;
        if name.is_empty() {
            return Err(Malformed("SCRAM names the account with n="));
        }
        let nonce = format!("{nonce}{}", self.nonce);
        self.at = At::WantsKeys(First { bound, bare: bare.to_owned(), nonce });
        Ok(Step::Keys { authorize, name })
    }

    /// The channel binding's data for what the client says of it.
    fn binding(&self, flag: &str) -> Result<&[u8], Malformed> {
        match (flag.strip_prefix("p="), self.plus) {
            (Some("tls-exporter"), true) => self.bindings.exporter.as_deref(),
            (Some("tls-server-end-point"), true) => self.bindings.end_point.as_deref(),
            (Some(_), _) => None,
            (None, true) => return Err(Malformed("SCRAM-SHA-256-PLUS needs a channel binding")),
            // The client could bind the channel and was not told that we can: somebody in between hid it.
            (None, false) if flag == "y" && self.plus_offered => {
                return Err(Malformed("the offer of SCRAM-SHA-256-PLUS was hidden from the client"));
            }
            (None, false) if matches!(flag, "n" | "y") => return Ok(b""),
            (None, false) => return Err(Malformed("SCRAM begins with n, y or p=")),
        }
        .ok_or(Malformed("this channel binding is not possible here"))
    }

    pub(super) fn keys(&mut self, keys: ScramKeys) -> Result<Vec<u8>, Malformed> {
        let At::WantsKeys(first) = std::mem::replace(&mut self.at, At::Done) else {
            return Err(Malformed("no keys were asked for"));
        };
        let server_first =
            format!("r={},s={},i={}", first.nonce, STANDARD.encode(&keys.salt), keys.iterations);
        let challenge = server_first.clone().into_bytes();
        self.at = At::WantsProof { first, server_first, keys };
        Ok(challenge)
    }

    fn last(message: &str, first: &First, server_first: &str, keys: &ScramKeys) -> Result<Step, Malformed> {
        let (without_proof, proof) =
            message.rsplit_once(",p=").ok_or(Malformed("SCRAM ends with a proof"))?;
        let mut attributes = without_proof.split(',');
        let bound = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("c="))
            .and_then(|bound| STANDARD.decode(bound).ok())
            .ok_or(Malformed("SCRAM repeats its header with c="))?;
        let nonce = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("r="))
            .ok_or(Malformed("SCRAM repeats the nonce"))?;
        let proof = STANDARD.decode(proof).map_err(|_| Malformed("the proof is not base64"))?;
        let auth_message = format!("{},{server_first},{without_proof}", first.bare);
        if bound != first.bound || nonce != first.nonce || !keys.proves(auth_message.as_bytes(), &proof) {
            return Ok(Step::Wrong);
        }
        let signature = keys.signature(auth_message.as_bytes());
        Ok(Step::Proven { last: format!("v={}", STANDARD.encode(signature)).into_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";

    fn keys() -> ScramKeys {
        ScramKeys::derive("pencil", STANDARD.decode(SALT).unwrap(), 4_096)
    }

    fn begun(plus: bool, plus_offered: bool, bindings: Bindings) -> Scram {
        Scram::new(plus, bindings, plus_offered, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned())
    }

    /// RFC 7677 section 3.
    #[test]
    fn the_exchange_of_the_standard() {
        let mut scram = begun(false, false, Bindings::default());
        let step = scram.respond(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert!(matches!(step, Step::Keys { name, authorize } if name == "user" && authorize.is_empty()));
        assert_eq!(
            String::from_utf8(scram.keys(keys()).unwrap()).unwrap(),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let Step::Proven { last } = scram.respond(last.as_bytes()).unwrap() else { panic!("not proven") };
        assert_eq!(last, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert!(scram.respond(b"anything").is_err(), "it is over");
    }

    #[test]
    fn another_proof_nonce_or_header_is_wrong() {
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        for (bound, nonce, proof) in [
            ("biws", nonce, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVA="),
            ("biws", "another", proof),
            ("eSws", nonce, proof),
            ("biws", nonce, ""),
        ] {
            let mut scram = begun(false, false, Bindings::default());
            scram.respond(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
            scram.keys(keys()).unwrap();
            let last = format!("c={bound},r={nonce},p={proof}");
            assert!(matches!(scram.respond(last.as_bytes()), Ok(Step::Wrong)), "{last}");
        }
    }

    #[test]
    fn the_channel_is_bound_and_a_hidden_offer_is_noticed() {
        let bindings = Bindings { exporter: Some(b"exported".to_vec()), end_point: None };
        for (plus, offered, first, fits) in [
            (true, true, "p=tls-exporter,,n=user,r=abc", true),
            (true, true, "p=tls-server-end-point,,n=user,r=abc", false),
            (true, true, "p=tls-unique,,n=user,r=abc", false),
            (true, true, "n,,n=user,r=abc", false),
            (false, true, "y,,n=user,r=abc", false),
            (false, false, "y,,n=user,r=abc", true),
            (false, true, "n,,n=user,r=abc", true),
            (false, true, "p=tls-exporter,,n=user,r=abc", false),
            (false, false, "n,a=other,n=user,r=abc", true),
            (false, false, "n,,m=x,n=user,r=abc", false),
            (false, false, "n,,n=user", false),
            (false, false, "n,,n=,r=abc", false),
            (false, false, "n,,n=us=2Cer,r=abc", true),
            (false, false, "n,,n=us=er,r=abc", false),
        ] {
            let mut scram = begun(plus, offered, bindings.clone());
            assert_eq!(scram.respond(first.as_bytes()).is_ok(), fits, "{first}");
        }
        let mut scram = begun(true, true, bindings);
        scram.respond(b"p=tls-exporter,,n=user,r=abc").unwrap();
        let challenge = String::from_utf8(scram.keys(keys()).unwrap()).unwrap();
        let proof_of = |data: &[u8]| {
            let nonce = challenge.split(',').next().unwrap();
            let mut bound = b"p=tls-exporter,,".to_vec();
            bound.extend_from_slice(data);
            let last = format!("c={},{nonce}", STANDARD.encode(bound));
            let proof =
                ScramKeys::proof("pencil", &keys(), format!("n=user,r=abc,{challenge},{last}").as_bytes());
            format!("{last},p={}", STANDARD.encode(proof))
        };
        assert!(matches!(scram.respond(proof_of(b"exported").as_bytes()), Ok(Step::Proven { .. })));
    }
}
