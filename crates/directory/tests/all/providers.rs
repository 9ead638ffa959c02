//! Who comes from a provider: their account, their groups and roles, and the sessions that the provider ends.

use base::{AccountId, OrganisationId, Result, SessionId};
use directory::entries::{Kind, NewEntry};
use directory::providers::{self, Claims, Meant, Origin, Provider};
use directory::roles::{Scope, Verb, grants};
use directory::web_sessions::{self, NewWebSession};
use directory::{people, sessions};

use crate::world::{World, both, said};

const ISSUER: &str = "https://login.example.org/realms/us";

impl World {
    /// A provider of acme.
    async fn provider(&self, given: &'static [(&'static str, &'static str)]) -> Provider {
        let id =
            self.edit(|edit| providers::create(edit, "University", ISSUER, "beffroi", given)).await.unwrap();
        let acme = self.acme;
        self.directory.read(move |tx| providers::load(tx, acme, id)).await.unwrap()
    }

    async fn arrive(&self, provider: &Provider, claims: Claims) -> Result<AccountId> {
        let provider = provider.clone();
        self.edit(move |edit| providers::arrive(edit, &provider, &claims)).await
    }

    /// The addresses of a group's members.
    async fn members(&self, group: AccountId) -> Vec<i64> {
        let text = "SELECT member_id FROM membership WHERE group_id = $1 ORDER BY member_id";
        self.directory.read(move |tx| tx.query(text, store::params![group], |row| row.int(0))).await.unwrap()
    }
}

fn claims(subject: &str, address: &str, values: &[&str]) -> Claims {
    Claims {
        subject: subject.to_owned(),
        address: address.to_owned(),
        is_verified: true,
        name: "Ada Lovelace".to_owned(),
        groups: values.iter().map(|value| (*value).to_owned()).collect(),
        ..Claims::default()
    }
}

#[test]
fn r08_someone_is_known_by_what_the_provider_calls_them() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let provider = world.provider(&[]).await;
        let unsure = Claims { is_verified: false, ..claims("1", "ada@acme.example", &[]) };
        assert_eq!(said(world.arrive(&provider, unsure.clone()).await), "forbidden claims");
        assert_eq!(said(world.arrive(&provider, claims("1", "", &[])).await), "forbidden claims");
        assert_eq!(
            said(world.arrive(&provider, claims("1", "new@acme.example", &[])).await),
            "not-found account"
        );
        assert_eq!(world.arrive(&provider, claims("1", "ada@acme.example", &[])).await.unwrap(), ada);
        // From now on the address is nothing to anybody: it may be another's tomorrow.
        assert_eq!(world.arrive(&provider, claims("1", "bob@far.example", &[])).await.unwrap(), ada);
        assert_eq!(world.arrive(&provider, unsure).await.unwrap(), ada);
        for (kind, name) in [(Kind::Group, "staff"), (Kind::List, "news")] {
            world.team(kind, name, &["ada"]).await;
            let address = format!("{name}@acme.example");
            assert_eq!(said(world.arrive(&provider, claims("2", &address, &[])).await), "not-found account");
        }
        let trusting = Provider { trusts_addresses: true, ..provider };
        let unsure = Claims { is_verified: false, ..claims("3", "ada@acme.example", &[]) };
        assert_eq!(world.arrive(&trusting, unsure).await.unwrap(), ada);
    });
}

#[test]
fn r08_a_provider_makes_people_in_domains_of_its_organisation_only() {
    both(|world| async move {
        let provider = world.provider(&[("makes_people", "yes")]).await;
        let made = world.arrive(&provider, claims("1", "ada@acme.example", &[])).await.unwrap();
        let (acme, address) = (world.acme, "ada@acme.example");
        let found = world
            .directory
            .read(move |tx| directory::entries::account_by_address(tx, acme.0, address))
            .await
            .unwrap();
        assert_eq!(found, Some(made));
        assert_eq!(world.arrive(&provider, claims("1", "ada@acme.example", &[])).await.unwrap(), made);
        for address in ["eve@far.example", "no address", "@acme.example", "eve@", "eve"] {
            assert!(world.arrive(&provider, claims("2", address, &[])).await.is_err(), "{address}");
        }
        // Another organisation has no part in it.
        let other = world.directory.create_organisation(&world.system(), "other", &[]).await.unwrap();
        let strange = Provider { organisation: other, ..provider };
        let subject = "1".to_owned();
        let known = world.directory.read(move |tx| providers::linked(tx, &strange, &subject)).await.unwrap();
        assert_eq!(known, None);
    });
}

#[test]
fn r08_groups_and_roles_follow_the_claim() {
    both(|world| async move {
        let (ada, bob) = (world.person("ada").await, world.person("bob").await);
        let provider = world.provider(&[]).await;
        let staff = world.team(Kind::Group, "staff", &["bob"]).await;
        let free = world.team(Kind::Group, "free", &["ada"]).await;
        let id = provider.id;
        let role = world
            .edit(move |edit| {
                providers::map(edit, id, "staff", Meant::Group(staff))?;
                let role = grants::create_role(edit, "desk", "", &[Verb::AccountRead])?;
                providers::map(edit, id, "desk", Meant::Role(role))?;
                Ok(role)
            })
            .await
            .unwrap();
        let come = async |values: &[&str]| {
            assert_eq!(world.arrive(&provider, claims("1", "ada@acme.example", values)).await.unwrap(), ada);
            let ctx = world.person_ctx(ada).await;
            let verbs = world.directory.read(move |tx| directory::roles::held(tx, &ctx, Verb::AccountRead));
            (world.members(staff).await.contains(&ada.0), verbs.await.unwrap().len())
        };
        assert_eq!(come(&["staff", "desk", "others"]).await, (true, 1));
        let (own, told) = (provider.clone(), claims("1", "", &["desk", "staff"]));
        let known = world.directory.read(move |tx| providers::known(tx, &own, &told)).await.unwrap();
        assert_eq!(known, Some(ada), "nothing to write for who comes again");
        assert_eq!(come(&["STAFF"]).await, (false, 0), "values are compared as they are");
        assert_eq!(come(&["desk"]).await, (false, 1));
        assert_eq!(come(&[]).await, (false, 0));
        assert_eq!(world.members(staff).await, [bob.0], "others are left alone");
        assert_eq!(world.members(free).await, [ada.0], "and so are groups that nothing stands for");
        // A role that is removed shuts nobody out.
        world.edit(move |edit| grants::remove_role(edit, role)).await.unwrap();
        assert_eq!(come(&["desk", "staff"]).await, (true, 0));
    });
}

#[test]
fn r08_nobody_gets_rights_by_naming_a_provider() {
    both(|world| async move {
        let provider = world.provider(&[]).await;
        let id = provider.id;
        let eve = world.person("eve").await;
        let role =
            world.edit(|edit| grants::create_role(edit, "purge", "", &[Verb::AccountPurge])).await.unwrap();
        let name =
            move |edit: &mut directory::Edit<'_, '_>| providers::create(edit, "Mine", ISSUER, "x", &[]);
        assert_eq!(said(world.edit_as(eve, name).await), "forbidden provider");
        world.give(eve, &[Verb::OrganisationEdit, Verb::RoleGrant], Scope::Organisation).await;
        assert_eq!(said(world.edit_as(eve, name).await), "forbidden provider", "it could make her anybody");
        let change =
            move |edit: &mut directory::Edit<'_, '_>| providers::change(edit, id, &[("makes_people", "yes")]);
        assert_eq!(said(world.edit_as(eve, change).await), "forbidden provider");
        world.give(eve, &[Verb::AccountPassword], Scope::Organisation).await;
        world.edit_as(eve, name).await.unwrap();
        let map = move |edit: &mut directory::Edit<'_, '_>| providers::map(edit, id, "me", Meant::Role(role));
        assert_eq!(said(world.edit_as(eve, map).await), "forbidden role", "nobody gives more than they have");
        let stranger = world.stranger();
        let acme = world.acme;
        let seen = world.directory.read(move |tx| providers::get(tx, &stranger, acme, id)).await;
        assert_eq!(said(seen), "not-found provider");
        for issuer in ["http://login.example.org", "ftp://x", "https://", "https://a b", "https://u@h/", "x"]
        {
            let wrong = world.edit(move |edit| providers::create(edit, "Wrong", issuer, "x", &[])).await;
            assert_eq!(said(wrong), "invalid issuer", "{issuer}");
        }
        let wrong = world.edit(move |edit| providers::change(edit, id, &[("scopes", "email")])).await;
        assert_eq!(said(wrong), "invalid scopes");
    });
}

#[test]
fn r08_b40_a_provider_ends_the_sessions_that_began_there_and_no_others() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let provider = world.provider(&[]).await;
        let origin = |subject: &str, own: &str| Origin {
            organisation: provider.organisation,
            provider: provider.id,
            subject: subject.to_owned(),
            provider_session: own.to_owned(),
        };
        let open = async |origin: Option<Origin>| {
            let (ctx, acme) = (world.system(), world.acme);
            let new = NewWebSession {
                account: ada,
                organisation: acme,
                client: "a test".to_owned(),
                network_address: String::new(),
                idle_ms: 1_000_000,
                lasts_ms: 1_000_000,
            };
            let write = move |tx: &mut store::Tx<'_>| {
                let opened = web_sessions::open(tx, &ctx, &new)?;
                if let Some(origin) = &origin {
                    providers::begin_session(tx, opened.id, ada, origin)?;
                }
                Ok(opened.id)
            };
            world.engine.store.write([], write).await.unwrap()
        };
        let lasts = async |id: SessionId| {
            let ctx = world.system();
            world.directory.read(move |tx| sessions::lasts(tx, &ctx, id)).await.unwrap()
        };
        let end = async |origin: Origin| {
            let ctx = world.system();
            world.engine.store.write([], move |tx| providers::end_sessions(tx, &ctx, &origin)).await.unwrap()
        };
        let (one, two) = (open(Some(origin("1", "a"))).await, open(Some(origin("1", "b"))).await);
        let (other, own) = (open(Some(origin("2", "a"))).await, open(None).await);
        assert_eq!(end(origin("", "")).await, 0);
        assert_eq!(end(Origin { organisation: OrganisationId(999), ..origin("1", "") }).await, 0);
        assert_eq!(end(origin("1", "a")).await, 1);
        assert!(!lasts(one).await && lasts(two).await && lasts(other).await);
        assert_eq!(end(origin("1", "")).await, 1);
        assert_eq!(end(origin("", "a")).await, 1);
        assert!(!lasts(two).await && !lasts(other).await && lasts(own).await);
        let found = world.directory.read(move |tx| providers::origin(tx, one)).await.unwrap();
        assert_eq!(found, Some(origin("1", "a")));
    });
}

#[test]
fn r08_a_provider_that_is_removed_leaves_nothing_behind() {
    both(|world| async move {
        let ada = world.person("ada").await;
        let provider = world.provider(&[]).await;
        let id = provider.id;
        let staff = world.team(Kind::Group, "staff", &[]).await;
        world
            .edit(move |edit| {
                providers::set_secret(edit, id, &base::Secret::new("s3cret"))?;
                providers::map(edit, id, "staff", Meant::Group(staff))
            })
            .await
            .unwrap();
        world.arrive(&provider, claims("1", "ada@acme.example", &["staff"])).await.unwrap();
        assert_eq!(world.members(staff).await, [ada.0]);
        world.edit(move |edit| providers::remove(edit, id)).await.unwrap();
        for table in
            ["login_provider", "provider_secret", "provider_group", "provider_subject", "provider_session"]
        {
            let text = format!("SELECT count(*) FROM {table}");
            let rows =
                world.directory.read(move |tx| tx.query_one(&text, [], |row| row.int(0))).await.unwrap();
            assert_eq!(rows, 0, "{table}");
        }
        assert_eq!(world.members(staff).await, [ada.0], "people stay where they are");
    });
}

#[test]
fn r08_who_is_made_by_a_provider_is_made_as_others_are() {
    both(|world| async move {
        let provider = world.provider(&[("makes_people", "yes")]).await;
        let told = Claims {
            name: String::new(),
            given_name: "Grace".to_owned(),
            family_name: "Hopper".to_owned(),
            ..claims("1", "grace@acme.example", &[])
        };
        let made = world.arrive(&provider, told).await.unwrap();
        let acme = world.acme;
        let entry = world.directory.read(move |tx| directory::entries::load(tx, acme, made)).await.unwrap();
        assert_eq!((entry.name.as_str(), entry.kind), ("Grace Hopper", Kind::Person));
        let again = world
            .edit(|edit| {
                people::create(edit, &NewEntry { address: "grace@acme.example", name: "" }, None, &[])
            })
            .await;
        assert!(again.is_err(), "the address is taken");
    });
}
