//! Logins over the directory: mechanisms, what is refused, and sessions that are ended elsewhere.

use base::{AccountId, Ctx, Door, Meaning, OrganisationId, Random, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::credentials::{self, Costs, Hasher, ScramKeys};
use directory::entries::NewEntry;
use directory::sessions::{self, NewSession};
use directory::{Directory, domains, people};
use kernel::{ChainKey, Kernel};
use testkit::engines::Engine;
use wire::Interrupt;
use wire::auth::{Authenticator, Caller, Session, Turn};
use wire::sasl::{Bindings, Mechanism};

struct World {
    engine: Engine,
    directory: Directory,
    acme: OrganisationId,
    ada: AccountId,
    authenticator: Authenticator,
}

fn both<S: Future<Output = ()>>(story: impl Fn(World) -> S) {
    let story = &story;
    testkit::engines::both(&[kernel::PART, directory::PART], Some(kernel::on_lock), |engine| async move {
        story(World::over(engine).await).await;
    });
}

impl World {
    async fn over(engine: Engine) -> Self {
        let kernel = Kernel::new(engine.store.clone(), Vec::new(), ChainKey::new([7; 32]));
        let hasher =
            Hasher::new(Costs { memory_kib: 8, passes: 1, lanes: 1 }, 2, &Random::seeded(1)).unwrap();
        let directory = Directory::new(kernel, hasher.clone());
        let ctx = engine.ctx();
        let acme = directory.create_organisation(&ctx, "acme", &[]).await.unwrap();
        let hash = hasher.hash(Secret::new("secret word"), &engine.random).await.unwrap();
        let ada = directory
            .edit(&ctx, acme, move |edit| {
                domains::create(edit, "acme.example", &[])?;
                people::create(edit, &NewEntry { address: "ada@acme.example", name: "" }, Some(&hash), &[])
            })
            .await
            .unwrap();
        let authenticator = Authenticator::new(directory.clone(), ctx, None);
        Self { engine, directory, acme, ada, authenticator }
    }

    fn ctx(&self) -> Ctx {
        self.engine.ctx()
    }

    async fn open_sessions(&self) -> Vec<sessions::Session> {
        let (ctx, acme, ada) = (self.ctx(), self.acme, self.ada);
        self.directory.read(move |tx| sessions::list(tx, &ctx, acme, ada)).await.unwrap()
    }

    /// An exchange by a client with a password; what it comes to.
    async fn exchange(&self, mechanism: Mechanism, name: &str, password: &str) -> base::Result<Session> {
        let mut dialogue = self.authenticator.begin(caller(), mechanism);
        let mut message = match mechanism {
            Mechanism::Plain => format!("\0{name}\0{password}").into_bytes(),
            Mechanism::Login => name.as_bytes().to_vec(),
            Mechanism::ScramSha256 => format!("n,,n={name},r=client").into_bytes(),
            Mechanism::ScramSha256Plus => format!("p=tls-exporter,,n={name},r=client").into_bytes(),
            Mechanism::OAuthBearer => format!("n,,\x01auth=Bearer {password}\x01\x01").into_bytes(),
            Mechanism::XOAuth2 => format!("user={name}\x01auth=Bearer {password}\x01\x01").into_bytes(),
        };
        loop {
            match dialogue.answer(&message).await {
                Turn::Challenge(challenge) => {
                    let challenge = String::from_utf8(challenge).unwrap();
                    message = match mechanism {
                        Mechanism::Login => password.as_bytes().to_vec(),
                        Mechanism::ScramSha256 => proof(&challenge, name, password, b"n,,"),
                        Mechanism::ScramSha256Plus => {
                            proof(&challenge, name, password, b"p=tls-exporter,,bound")
                        }
                        _ => vec![1],
                    };
                }
                Turn::Done { session, last } => {
                    assert_eq!(
                        last.is_some(),
                        matches!(mechanism, Mechanism::ScramSha256 | Mechanism::ScramSha256Plus)
                    );
                    return Ok(*session);
                }
                Turn::Failed(error) => return Err(error),
            }
        }
    }
}

/// A client's answer to the first message of a SCRAM server.
fn proof(challenge: &str, name: &str, password: &str, bound: &[u8]) -> Vec<u8> {
    let value = |key: &str| challenge.split(',').find_map(|part| part.strip_prefix(key)).unwrap();
    let (salt, iterations) = (STANDARD.decode(value("s=")).unwrap(), value("i=").parse().unwrap());
    let keys = ScramKeys { salt, iterations, stored_key: [0; 32], server_key: [0; 32] };
    let last = format!("c={},r={}", STANDARD.encode(bound), value("r="));
    let message = format!("n={name},r=client,{challenge},{last}");
    let proof = ScramKeys::proof(password, &keys, message.as_bytes());
    format!("{last},p={}", STANDARD.encode(proof)).into_bytes()
}

fn caller() -> Caller {
    Caller {
        door: Door::Imap,
        address: "192.0.2.1".parse().unwrap(),
        client: "a test".to_owned(),
        is_tls: true,
        bindings: Bindings { exporter: Some(b"bound".to_vec()), end_point: None },
        interrupt: Interrupt::default(),
    }
}

const PASSWORD_MECHANISMS: [Mechanism; 4] =
    [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256, Mechanism::ScramSha256Plus];

#[test]
fn p03_each_mechanism_lets_in_whoever_knows_the_password_and_nobody_else() {
    both(|world| async move {
        for mechanism in PASSWORD_MECHANISMS {
            let session = world.exchange(mechanism, "ada@acme.example", "secret word").await.unwrap();
            assert_eq!(session.account, world.ada, "{}", mechanism.name());
            assert_eq!(session.address, "ada@acme.example");
            assert_eq!(session.ctx.door, Door::Imap);
            for (name, password) in [
                ("ada@acme.example", "Secret word"),
                ("nobody@acme.example", "secret word"),
                ("ada@elsewhere.example", "secret word"),
            ] {
                let error = world.exchange(mechanism, name, password).await.err().unwrap();
                assert_eq!(error.to_string(), "login: address or password is wrong", "{}", mechanism.name());
            }
        }
    });
}

#[test]
fn p03_scram_follows_the_password_however_it_is_set() {
    both(|world| async move {
        let hasher = world.directory.hasher().clone();
        let hash = hasher.hash(Secret::new("another word"), &world.engine.random).await.unwrap();
        let (acme, ada) = (world.acme, world.ada);
        world
            .directory
            .edit(&world.ctx(), acme, move |edit| credentials::set_password(edit, ada, &hash, false))
            .await
            .unwrap();
        let scram = Mechanism::ScramSha256;
        assert!(world.exchange(scram, "ada@acme.example", "secret word").await.is_err());
        world.exchange(scram, "ada@acme.example", "another word").await.unwrap();
        // By SQL, from another system: SCRAM knows nothing until the password was shown once.
        let old = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=".to_owned();
        let set =
            move |tx: &mut store::Tx<'_>| tx.execute("UPDATE password SET hash = $1", [old.clone().into()]);
        world.engine.store.write([], set).await.unwrap();
        assert!(world.exchange(scram, "ada@acme.example", "another word").await.is_err());
        assert!(world.exchange(scram, "ada@acme.example", "secret").await.is_err());
        world.exchange(Mechanism::Plain, "ada@acme.example", "secret").await.unwrap();
        world.exchange(scram, "ada@acme.example", "secret").await.unwrap();
    });
}

#[test]
fn p03_a_token_of_a_session_lets_in_until_the_session_ends() {
    both(|world| async move {
        let (ctx, acme, ada) = (world.ctx(), world.acme, world.ada);
        let new = NewSession {
            account: ada,
            organisation: acme,
            door: Door::Jmap,
            client: "browser".to_owned(),
            network_address: "192.0.2.9".to_owned(),
            lifetime_ms: 3_600_000,
            with_token: true,
            app_password: None,
        };
        let own = ctx.clone();
        let opened = world.engine.store.write([], move |tx| sessions::open(tx, &own, &new)).await.unwrap();
        let token = opened.token.unwrap();
        for mechanism in [Mechanism::OAuthBearer, Mechanism::XOAuth2] {
            let session = world.exchange(mechanism, "ada@acme.example", token.expose()).await.unwrap();
            assert_eq!(session.account, ada);
            let error = world.exchange(mechanism, "ada@acme.example", "no token").await.err().unwrap();
            assert_eq!(error.meaning(), Meaning::Forbidden);
        }
        let wrong = world.exchange(Mechanism::XOAuth2, "bob@acme.example", token.expose()).await;
        assert_eq!(wrong.err().unwrap().meaning(), Meaning::Forbidden, "a token is of one account");
        world.engine.store.write([], move |tx| sessions::end(tx, &ctx, acme, ada, opened.id)).await.unwrap();
        assert!(world.exchange(Mechanism::XOAuth2, "ada@acme.example", token.expose()).await.is_err());
    });
}

#[test]
fn b40_a_connection_whose_session_is_ended_elsewhere_is_told() {
    both(|world| async move {
        let told = caller();
        let session = world
            .authenticator
            .password(&told, "ada@acme.example", Secret::new("secret word"))
            .await
            .unwrap();
        world.authenticator.settle().await.unwrap();
        let open = world.open_sessions().await;
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].id, open[0].client.as_str()), (session.ctx.session, "a test"));
        assert_eq!(told.interrupt.told(), None);
        let (ctx, acme, ada) = (world.ctx(), world.acme, world.ada);
        world.engine.store.write([], move |tx| sessions::end_all(tx, &ctx, acme, ada, None)).await.unwrap();
        world.authenticator.settle().await.unwrap();
        assert_eq!(told.interrupt.told(), Some(wire::Reason::Ended));
    });
}

#[test]
fn b40_a_session_ends_with_its_connection_and_short_ones_leave_their_row() {
    both(|world| async move {
        let session = world
            .authenticator
            .password(&caller(), "ada@acme.example", Secret::new("secret word"))
            .await
            .unwrap();
        let id = session.ctx.session;
        drop(session);
        world.authenticator.settle().await.unwrap();
        assert!(world.open_sessions().await.is_empty());
        let rows = world
            .directory
            .read(|tx| tx.query("SELECT id FROM session WHERE ended_at IS NOT NULL", [], |row| row.int(0)))
            .await
            .unwrap();
        assert_eq!(rows, [id.0]);
    });
}

#[test]
fn mechanisms_that_show_a_password_are_not_offered_in_clear() {
    let mut clear = caller();
    (clear.is_tls, clear.bindings) = (false, Bindings::default());
    assert_eq!(Authenticator::mechanisms(&clear, false), [Mechanism::ScramSha256]);
    assert!(Authenticator::mechanisms(&clear, true).contains(&Mechanism::Plain));
    assert_eq!(Authenticator::mechanisms(&caller(), false).len(), 6);
}
