//! Sieve scripts (RFC 9661) over the scripts that ManageSieve keeps too.

use std::sync::Arc;

use base::{Error, Meaning};
use mail::sieve::{self, Filter, Script};
use serde_json::{Value, json};

use crate::engine::{
    Access, Argument, Arguments, Call, Condition, Filter as Wanted, GetRequest, Hook, Map, Method,
    MethodError, Objects, Page, Property, Query, SetDone, SetError, SetRequest, Shape, Sort, Table, Type,
    capabilities, ids,
};
use crate::{blobs, states};

const TEXT: Shape = Shape::Nullable(&Shape::String);

static TABLE: Table = Table {
    name: "SieveScript",
    capability: capabilities::SIEVE,
    doc: "A Sieve script; at most one of an account is in force.",
    shared: false,
    pushed: true,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id, stable over renames.").server_set().immutable(),
        Property::new(
            "name",
            TEXT,
            "Its name, unique in the account; null in a creation: the server finds one.",
        ),
        Property::new("blobId", Shape::Id, "The blob of its text.").required(),
        Property::new("isActive", Shape::Bool, "Whether it is in force.").server_set(),
    ],
    filters: &[
        Condition { name: "name", shape: Shape::String, doc: "Its name has this in it." },
        Condition { name: "isActive", shape: Shape::Bool, doc: "Whether it is in force." },
    ],
    sorts: &[
        Sort { name: "name", doc: "By name.", arguments: &[] },
        Sort { name: "isActive", doc: "By whether it is in force.", arguments: &[] },
    ],
    methods: &[
        Method::standard("get"),
        Method::standard("set").taking(&[
            Argument {
                name: "onSuccessActivateScript",
                shape: Shape::Id,
                doc: "The script, or the creation, that is put in force when everything succeeded.",
            },
            Argument {
                name: "onSuccessDeactivateScript",
                shape: Shape::Bool,
                doc: "Puts no script in force when everything succeeded.",
            },
        ]),
        Method::standard("query"),
        Method::custom(
            "validate",
            "Says whether a text is a script that this server runs.",
            &[Argument { name: "blobId", shape: Shape::Id, doc: "The blob of the text." }],
        ),
    ],
};

struct Scripts;

/// The type of Sieve scripts.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Scripts)]
}

fn id_of(script: &Script) -> String {
    ids::write('S', script.id)
}

async fn all(call: &Call, account: &Access) -> Result<Vec<Script>, MethodError> {
    Ok(call.mail().filter().scripts(call.ctx(), account.account).await?)
}

/// The text of a blob that is to be a script.
async fn text(call: &Call, account: &Access, id: &str) -> Result<Result<String, SetError>, MethodError> {
    let Some(bytes) = call.blob(account, id).await? else {
        return Ok(Err(SetError::new("blobNotFound").with("notFound", json!([id]))));
    };
    if bytes.len() as u64 > call.limits().sieve_script_bytes {
        return Ok(Err(SetError::new("tooLarge")));
    }
    let read = String::from_utf8(bytes.to_vec());
    Ok(read.map_err(|_| SetError::new("invalidSieve").describe("is not UTF-8")))
}

fn refused(error: Error) -> SetError {
    match (error.meaning(), error.field()) {
        (Meaning::Invalid, "name") | (Meaning::Conflict, _) => SetError::invalid("name", error.to_string()),
        (Meaning::Invalid, _) => SetError::new("invalidSieve").describe(error.to_string()),
        (Meaning::Limit, _) => SetError::new("overQuota").describe(error.to_string()),
        _ => error.into(),
    }
}

/// A set of scripts while it is done.
struct Setting<'a> {
    call: &'a Call,
    account: &'a Access,
    filter: &'a Filter,
    scripts: Vec<Script>,
    done: SetDone,
}

impl Setting<'_> {
    fn taken(&self, name: &str, but: i64) -> Option<SetError> {
        let other = self.scripts.iter().find(|script| script.name == name && script.id != but)?;
        Some(SetError::new("alreadyExists").with("existingId", json!(id_of(other))))
    }

    async fn look(&mut self) -> Result<(), MethodError> {
        self.scripts = all(self.call, self.account).await?;
        Ok(())
    }

    async fn create(&mut self, object: &Map) -> Result<Result<Map, SetError>, MethodError> {
        let blob = object.get("blobId").and_then(Value::as_str).unwrap_or_default();
        let text = match text(self.call, self.account, blob).await? {
            Ok(text) => text,
            Err(error) => return Ok(Err(error)),
        };
        let name = match object.get("name").and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => format!("script-{:08x}", self.call.ctx().random.u64() >> 32),
        };
        if let Some(error) = self.taken(&name, 0) {
            return Ok(Err(error));
        }
        if let Err(error) = self.filter.put_script(self.call.ctx(), self.account.account, &name, &text).await
        {
            return Ok(Err(refused(error)));
        }
        self.look().await?;
        let made = self.scripts.iter().find(|script| script.name == name).ok_or(MethodError::ServerFail)?;
        let mut out = Map::new();
        out.insert("id".to_owned(), json!(id_of(made)));
        out.insert("blobId".to_owned(), json!(blobs::script_id(made.id, made.changed_at)));
        out.insert("isActive".to_owned(), json!(false));
        if !object.contains_key("name") || object.get("name") == Some(&Value::Null) {
            out.insert("name".to_owned(), json!(name));
        }
        Ok(Ok(out))
    }

    async fn update(
        &mut self,
        id: &str,
        patch: &crate::engine::Patch,
    ) -> Result<Result<Option<Map>, SetError>, MethodError> {
        let Some(mut script) = self.scripts.iter().find(|script| id_of(script) == id).cloned() else {
            return Ok(Err(SetError::not_found()));
        };
        let (ctx, account) = (self.call.ctx(), self.account.account);
        let mut more = None;
        if let Some(Value::String(name)) = patch.whole("name") {
            if let Some(error) = self.taken(name, script.id) {
                return Ok(Err(error));
            }
            if let Err(error) = self.filter.rename_script(ctx, account, &script.name, name).await {
                return Ok(Err(refused(error)));
            }
            script.name.clone_from(name);
        }
        match patch.whole("blobId") {
            Some(Value::String(blob)) if *blob != blobs::script_id(script.id, script.changed_at) => {
                let text = match text(self.call, self.account, blob).await? {
                    Ok(text) => text,
                    Err(error) => return Ok(Err(error)),
                };
                if let Err(error) = self.filter.put_script(ctx, account, &script.name, &text).await {
                    return Ok(Err(refused(error)));
                }
                self.look().await?;
                let now = self.scripts.iter().find(|other| other.id == script.id);
                let changed_at = now.map_or(script.changed_at, |now| now.changed_at);
                let blob = blobs::script_id(script.id, changed_at);
                more = Some(Map::from_iter([("blobId".to_owned(), json!(blob))]));
            }
            Some(Value::Null) => return Ok(Err(SetError::invalid("blobId", "cannot be null"))),
            _ => {}
        }
        self.look().await?;
        Ok(Ok(more))
    }

    async fn destroy(&mut self, id: String) -> Result<(), MethodError> {
        let Some(script) = self.scripts.iter().find(|script| id_of(script) == id) else {
            self.done.not_destroyed.push((id, SetError::not_found()));
            return Ok(());
        };
        if script.active {
            let error = SetError::new("scriptIsActive").describe("put another one in force first");
            self.done.not_destroyed.push((id, error));
            return Ok(());
        }
        match self.filter.remove_script(self.call.ctx(), self.account.account, &script.name).await {
            Ok(()) => self.done.destroyed.push(id),
            Err(error) => self.done.not_destroyed.push((id, refused(error))),
        }
        Ok(())
    }

    fn is_clean(&self) -> bool {
        self.done.not_created.is_empty()
            && self.done.not_updated.is_empty()
            && self.done.not_destroyed.is_empty()
    }

    /// Puts a script in force, or none, and tells of both that changed.
    async fn activate(&mut self, id: Option<&str>) -> Result<(), MethodError> {
        self.look().await?;
        let before = self.scripts.iter().find(|script| script.active).map(id_of);
        let chosen = self.scripts.iter().find(|script| Some(id_of(script).as_str()) == id).cloned();
        if (id.is_some() && chosen.is_none()) || before.as_deref() == id {
            return Ok(());
        }
        let name = chosen.as_ref().map(|script| script.name.as_str());
        self.filter.activate(self.call.ctx(), self.account.account, name).await?;
        for (id, active) in [(before, false), (id.map(str::to_owned), true)] {
            let Some(id) = id else { continue };
            let is_it = |object: &Map| object.get("id").and_then(Value::as_str) == Some(&id);
            if let Some((_, object)) = self.done.created.iter_mut().find(|(_, object)| is_it(object)) {
                object.insert("isActive".to_owned(), json!(active));
                continue;
            }
            if !self.done.updated.iter().any(|(known, _)| *known == id) {
                self.done.updated.push((id.clone(), None));
            }
            if let Some((_, more)) = self.done.updated.iter_mut().find(|(known, _)| *known == id) {
                more.get_or_insert_default().insert("isActive".to_owned(), json!(active));
            }
        }
        Ok(())
    }
}

fn fits(filter: &Wanted, script: &Script) -> bool {
    match filter {
        Wanted::And(all) => all.iter().all(|one| fits(one, script)),
        Wanted::Or(any) => any.iter().any(|one| fits(one, script)),
        Wanted::Not(none) => !none.iter().any(|one| fits(one, script)),
        Wanted::Is(tests) => tests.iter().all(|test| match test.name {
            "name" => {
                let text = test.value.as_str().unwrap_or_default().to_lowercase();
                script.name.to_lowercase().contains(&text)
            }
            _ => test.value.as_bool() == Some(script.active),
        }),
    }
}

impl Type for Scripts {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        states::of_account(call, account)
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let state = states::of_account(call, account).await?;
            let scripts = all(call, account).await?;
            for id in request.ids.unwrap_or_else(|| scripts.iter().map(id_of).collect()) {
                let Some(script) = scripts.iter().find(|script| id_of(script) == id) else {
                    out.missing(id);
                    continue;
                };
                out.add(&id, |object| {
                    object.put("name", &script.name);
                    object.put("blobId", &blobs::script_id(script.id, script.changed_at));
                    object.put("isActive", &script.active);
                    Ok(())
                })?;
            }
            Ok(state)
        })
    }

    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, mut request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(async move {
            let activate = request.arguments.string_opt("onSuccessActivateScript")?;
            let deactivate = request.arguments.bool("onSuccessDeactivateScript", false)?;
            let done =
                SetDone { old_state: Some(states::of_account(call, account).await?), ..SetDone::default() };
            let (filter, scripts) = (call.mail().filter(), all(call, account).await?);
            let mut setting = Setting { call, account, filter, scripts, done };
            for (name, object) in &request.create {
                match setting.create(object).await? {
                    Ok(made) => setting.done.created.push((name.clone(), made)),
                    Err(error) => setting.done.not_created.push((name.clone(), error)),
                }
            }
            for (id, patch) in std::mem::take(&mut request.update) {
                match setting.update(&id, &patch).await? {
                    Ok(more) => setting.done.updated.push((id, more)),
                    Err(error) => setting.done.not_updated.push((id, error)),
                }
            }
            for id in std::mem::take(&mut request.destroy) {
                setting.destroy(id).await?;
            }
            if setting.is_clean() {
                let here = activate.as_deref().and_then(|id| request.resolve(id, &setting.done.created));
                let before = || activate.as_deref()?.strip_prefix('#').and_then(|name| call.created(name));
                let chosen = here.map(str::to_owned).or_else(before);
                if chosen.is_some() || deactivate {
                    setting.activate(chosen.as_deref()).await?;
                }
            }
            setting.done.new_state = states::of_account(call, account).await?;
            Ok(setting.done)
        })
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let state = states::of_account(call, account).await?;
            let mut scripts = all(call, account).await?;
            scripts.retain(|script| request.filter.as_ref().is_none_or(|filter| fits(filter, script)));
            for key in request.sort.iter().rev() {
                scripts.sort_by(|a, b| {
                    let order = match key.property {
                        "name" => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
                        _ => a.active.cmp(&b.active),
                    };
                    if key.ascending { order } else { order.reverse() }
                });
            }
            let ids: Vec<String> = scripts.iter().map(id_of).collect();
            request.page(&ids, state, false)
        })
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        _: &'static str,
        mut arguments: Arguments,
    ) -> Hook<'a, Map> {
        Box::pin(async move {
            let blob = arguments.string("blobId")?;
            let error = match text(call, account, &blob).await? {
                Ok(text) => sieve::check(call.limits(), &text).err().map(refused),
                Err(error) => Some(error),
            };
            let error = error.map_or(Value::Null, |error| error.body());
            Ok(Map::from_iter([("accountId".to_owned(), json!(account.id())), ("error".to_owned(), error)]))
        })
    }
}

/// What the session says of an account's scripts.
pub(crate) fn of_account(limits: &base::Limits, _: &Access) -> Value {
    json!({
        "maxSizeScriptName": limits.name_bytes,
        "maxSizeScript": limits.sieve_script_bytes,
        "maxNumberScripts": limits.sieve_scripts,
        "maxNumberRedirects": limits.sieve_redirects,
        "sieveExtensions": sieve::EXTENSIONS,
        "notificationMethods": null,
        "externalLists": null,
    })
}

/// What it says of the server.
pub(crate) fn of_server(_: &base::Limits) -> Value {
    json!({ "implementation": concat!("Beffroi ", env!("CARGO_PKG_VERSION")) })
}
