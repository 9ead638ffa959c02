//! What we send is signed, and stays verified while keys change.

use std::time::Duration;

use mail::dkim::{self, KeyState, NewKey};
use mail::queue::NewMessage;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use testkit::mail::{DOMAIN, embedded};

use crate::out_world::Out;
use crate::peer::{Like, Peer};

const GRACE: Duration = Duration::from_secs(5);

impl Out {
    /// Makes keys of the domain and publishes their records.
    async fn new_keys(&self) {
        let made = NewKey::make_all().await.unwrap();
        let (ctx, organisation) = (self.world.ctx(), self.world.organisation);
        let store = &self.world.engine.store;
        let keys = store.write([], move |tx| dkim::add(tx, &ctx, organisation, DOMAIN, &made)).await.unwrap();
        for key in keys.into_iter().filter(|key| key.state == KeyState::Next) {
            self.dns.add(&key.record_name(), "TXT", &key.record());
        }
    }

    async fn rotate(&self) -> u64 {
        let (ctx, organisation) = (self.world.ctx(), self.world.organisation);
        let store = &self.world.engine.store;
        store.write([], move |tx| dkim::rotate(tx, &ctx, organisation, DOMAIN)).await.unwrap()
    }

    async fn signed(&self, peer: &Peer) -> String {
        let before = peer.taken().len();
        let sign_domain = Some(DOMAIN.to_owned());
        let message = NewMessage { sign_domain, ..self.message(&["bob@there.test"]).await };
        self.queue(message).await;
        self.until_empty().await;
        peer.taken().remove(before).text
    }

    /// The selectors of the signatures that verify; fails when one does not.
    async fn verified(&self, text: &str) -> Vec<String> {
        let options = hickory_resolver::config::ResolverOpts::default();
        let verifier = MessageAuthenticator::new(self.dns.config(), options).unwrap();
        let message = AuthenticatedMessage::parse(text.as_bytes()).unwrap();
        let outputs = verifier.verify_dkim(&message).await;
        outputs
            .iter()
            .map(|output| {
                assert_eq!(output.result(), &DkimResult::Pass, "{text}");
                output.signature().unwrap().s.clone()
            })
            .collect()
    }
}

#[test]
fn p05_keys_rotate_without_a_bounce() {
    embedded(1, |world| async move {
        let out = Out::new(world).await;
        let peer = Peer::start(out.at(2), Like::default()).await;
        out.host("there.test", "mx.there.test", peer.address);
        let outbound = out.start().await;
        assert!(!out.signed(&peer).await.contains("DKIM-Signature"), "there are no keys yet");
        out.new_keys().await;
        assert!(!out.signed(&peer).await.contains("DKIM-Signature"), "new keys wait for their records");
        assert_eq!(out.rotate().await, 2);
        let first = out.signed(&peer).await;
        let old = out.verified(&first).await;
        assert_eq!(old.len(), 2, "RSA and Ed25519: {first}");
        out.new_keys().await;
        assert_eq!(out.verified(&out.signed(&peer).await).await, old, "the new ones are only published");
        assert_eq!(out.rotate().await, 2);
        let second = out.signed(&peer).await;
        let new = out.verified(&second).await;
        assert!(new.len() == 2 && new.iter().all(|selector| !old.contains(selector)), "{new:?}");
        assert_eq!(out.verified(&first).await, old, "what was sent before is still verified");
        assert_eq!(out.rotate().await, 0, "there is nothing newer");
        outbound.stop(GRACE).await;
    });
}
