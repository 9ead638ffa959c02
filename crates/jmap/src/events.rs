//! Changes as they happen (RFC 8620 section 7): what streams of events tell.
//!
//! What must stay true here:
//! - A follower subscribes first and reads then, so that no change falls between.
//! - Nothing is told of an account beyond what its reader may ask: states, by type.
//! - A commit is looked at once for all who follow their own account, however many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{AccountId, Result, Seq};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Change, Push, Subscription};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::engine::{Access, Call, ids};
use crate::jmap::{Client, Jmap};
use crate::states;

/// States by the name of the type.
type States = BTreeMap<&'static str, String>;
/// States by account.
type Known = BTreeMap<AccountId, Arc<States>>;

const SHARDS: usize = 32;
/// Accounts of one shard whose states are remembered.
const REMEMBERED: usize = 256;

/// The newest states that were worked out, by account.
type Shard = BTreeMap<AccountId, (Seq, Arc<States>)>;

/// The states of accounts as of a commit, worked out once for all of an account's followers.
#[derive(Default)]
pub(crate) struct Shared {
    shards: [Mutex<Shard>; SHARDS],
}

/// Tells a client what changes, until it is dropped.
pub struct Follower {
    jmap: Jmap,
    client: Client,
    types: Option<Vec<String>>,
    subscription: Subscription,
    followed: Vec<AccountId>,
    known: Known,
}

/// What changed, for a client.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// The `StateChange` object.
    pub object: Value,
    /// All states, in a text that a later stream can be begun from.
    pub token: String,
}

/// How often states are read anew that a commit fell between; then what came of it is told with the next hint.
const READ_AGAIN: u32 = 3;

/// The states of one account, as they stand after one commit.
async fn states_of(call: &Call, access: &Access) -> Result<States> {
    let mut seq = states::newest(call, access).await?;
    for _ in 1..READ_AGAIN {
        let states = read_states(call, access).await;
        let now = states::newest(call, access).await?;
        if now == seq {
            return Ok(states);
        }
        seq = now;
    }
    Ok(read_states(call, access).await)
}

async fn read_states(call: &Call, access: &Access) -> States {
    let mut states = States::new();
    for kind in call.engine().types() {
        let table = kind.table();
        if !table.pushed || table.personal || !(access.own || table.shared) {
            continue;
        }
        match kind.state(call, access).await {
            Ok(state) => {
                states.insert(table.name, state);
            }
            Err(error) => {
                tracing::debug!(kind = table.name, error = error.kind(), "a state could not be told");
            }
        }
    }
    states
}

/// All states that a caller may ask, as they are now, in a text that changes can be told from.
pub(crate) async fn token_now(call: &Call) -> Result<String> {
    let mut all = Known::new();
    for access in call.followed().await? {
        all.insert(access.account, Arc::new(states_of(call, &access).await?));
    }
    Ok(token_of(&all))
}

/// The own account and those that are shared with it.
async fn accounts_of(call: &Call) -> Result<Vec<AccountId>> {
    Ok(call.followed().await?.into_iter().map(|access| access.account).collect())
}

fn token_of(known: &Known) -> String {
    let all: BTreeMap<i64, &States> = known.iter().map(|(account, states)| (account.0, &**states)).collect();
    URL_SAFE_NO_PAD.encode(json!(all).to_string())
}

impl Shared {
    /// The states of an account as of a commit or a later one.
    async fn states(&self, call: &Call, access: &Access, seq: Seq) -> Result<Arc<States>> {
        if !access.own {
            return Ok(Arc::new(states_of(call, access).await?));
        }
        let index = usize::try_from(access.account.0.unsigned_abs()).unwrap_or(0) % SHARDS;
        let [first, ..] = &self.shards;
        let mut shard = self.shards.get(index).unwrap_or(first).lock().await;
        if let Some((at, states)) = shard.get(&access.account)
            && *at >= seq
        {
            return Ok(states.clone());
        }
        let states = Arc::new(states_of(call, access).await?);
        if shard.len() >= REMEMBERED {
            shard.clear();
        }
        shard.insert(access.account, (seq, states.clone()));
        Ok(states)
    }
}

impl Jmap {
    /// Follows the client's own account and those that are shared with it; `types` names what it wants to hear of,
    /// none: everything. `token` is what an earlier stream told last: what changed since comes first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn follow(
        &self,
        client: &Client,
        types: Option<Vec<String>>,
        token: Option<&str>,
    ) -> Result<Follower> {
        let accounts = accounts_of(&self.call(client)).await?;
        let subscription = self.mail().kernel().subscribe(&client.ctx, &accounts).await?;
        let mut follower = Follower {
            jmap: self.clone(),
            client: client.clone(),
            types,
            subscription,
            followed: accounts.clone(),
            known: Known::new(),
        };
        match token.and_then(|token| read_token(self, token)) {
            Some(known) => follower.known = known,
            None => {
                follower.look(&accounts, None).await?;
            }
        }
        Ok(follower)
    }
}

impl Jmap {
    /// What changed since a token, of everything that the client may ask; nothing where nothing did.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn changes_since(
        &self,
        client: &Client,
        types: Option<Vec<String>>,
        token: &str,
    ) -> Result<Option<StateChange>> {
        let call = self.call(client);
        let (mut changed, mut now) = (serde_json::Map::new(), Known::new());
        let known = read_token(self, token).unwrap_or_default();
        for access in call.followed().await? {
            let states = Arc::new(states_of(&call, &access).await?);
            let new = differing(types.as_deref(), known.get(&access.account), &states);
            if !new.is_empty() {
                changed.insert(access.id(), Value::Object(new));
            }
            now.insert(access.account, states);
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let object = json!({ "@type": "StateChange", "changed": changed });
        Ok(Some(StateChange { object, token: token_of(&now) }))
    }
}

/// The states that are other ones than before, of the types that are wanted.
fn differing(
    types: Option<&[String]>,
    before: Option<&Arc<States>>,
    now: &States,
) -> serde_json::Map<String, Value> {
    let differs = |(name, state): &(&&'static str, &String)| {
        types.is_none_or(|types| types.iter().any(|wanted| wanted == **name))
            && before.is_none_or(|before| before.get(**name) != Some(*state))
    };
    now.iter().filter(differs).map(|(name, state)| ((*name).to_owned(), json!(state))).collect()
}

impl Follower {
    /// Looks at accounts anew; what changed in them.
    async fn look(&mut self, accounts: &[AccountId], seq: Option<Seq>) -> Result<Option<StateChange>> {
        let call = self.jmap.call(&self.client);
        let mut changed = serde_json::Map::new();
        for account in accounts {
            let Ok(access) = call.access(&ids::account(*account)).await else { continue };
            let states = match seq {
                Some(seq) => self.jmap.shared_states().states(&call, &access, seq).await?,
                None => Arc::new(states_of(&call, &access).await?),
            };
            let before = self.known.insert(*account, states.clone());
            let new = differing(self.types.as_deref(), before.as_ref(), &states);
            if !new.is_empty() {
                changed.insert(access.id(), Value::Object(new));
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let object = json!({ "@type": "StateChange", "changed": changed });
        Ok(Some(StateChange { object, token: self.token() }))
    }

    /// All accounts that it follows, as they are now, where they are not what a token said: asked once at the beginning.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn catch_up(&mut self) -> Result<Option<StateChange>> {
        let accounts = accounts_of(&self.jmap.call(&self.client)).await?;
        if accounts != self.followed {
            let kernel = self.jmap.mail().kernel();
            self.subscription = kernel.subscribe(&self.client.ctx, &accounts).await?;
            self.known.retain(|account, _| accounts.contains(account));
            self.followed.clone_from(&accounts);
        }
        self.look(&accounts, None).await
    }

    /// Whether a commit may have changed which accounts are shared with the reader: it was told so in its own account, and
    /// that touches no collection.
    fn may_widen(&self, change: &Change) -> bool {
        change.account == self.client.ctx.actor.account && change.kinds.is_empty()
    }

    /// The next change. May be cancelled without losing one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn next(&mut self) -> Result<StateChange> {
        loop {
            let told = match self.subscription.next().await {
                Push::Changed(change) if self.may_widen(&change) => self.catch_up().await?,
                Push::Changed(change) => self.look(&[change.account], Some(change.seq)).await?,
                Push::Missed => self.catch_up().await?,
            };
            if let Some(change) = told {
                return Ok(change);
            }
        }
    }

    /// All states as a text.
    pub fn token(&self) -> String {
        token_of(&self.known)
    }
}

/// Bytes of a token that is read.
const TOKEN_BYTES: usize = 32 << 10;

fn read_token(jmap: &Jmap, token: &str) -> Option<Known> {
    if token.len() > TOKEN_BYTES {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let all: BTreeMap<i64, BTreeMap<String, String>> = serde_json::from_slice(&bytes).ok()?;
    let tables = jmap.tables();
    let named = |states: BTreeMap<String, String>| -> States {
        let name = |name: &str| tables.iter().find(|table| table.name == name).map(|table| table.name);
        states.into_iter().filter_map(|(kind, state)| Some((name(&kind)?, state))).collect()
    };
    Some(all.into_iter().map(|(account, states)| (AccountId(account), Arc::new(named(states)))).collect())
}
