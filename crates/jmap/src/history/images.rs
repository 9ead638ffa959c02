//! Images: the account as it was at an earlier moment, one an hour in which something changed.

use base::{CollectionId, Seq, Tree};
use mail::images::{ImageReport, ImageRestore, Restoring, Selection};
use serde_json::json;

use crate::dates;
use crate::engine::{
    Access, Argument, Arguments, Call, GetRequest, Hook, Map, Method, MethodError, Objects, Page, Property,
    Query, Shape, Sort, Table, Type, capabilities,
};
use crate::mail::{ids, keywords};

/// The letter of images.
const LETTER: char = 'H';
const IMAGE: Argument = Argument { name: "imageId", shape: Shape::Id, doc: "The image." };

const EMAILS: &[Argument] = &[
    IMAGE,
    Argument { name: "mailboxId", shape: Shape::Id, doc: "The mailbox." },
    Argument {
        name: "afterUid",
        shape: Shape::Nullable(&Shape::Unsigned),
        doc: "The `uid` of the last message of the page before.",
    },
    Argument {
        name: "limit",
        shape: Shape::Nullable(&Shape::Unsigned),
        doc: "Messages of this page at most.",
    },
];

const RESTORE: &[Argument] = &[
    IMAGE,
    Argument {
        name: "mailboxId",
        shape: Shape::Nullable(&Shape::Id),
        doc: "Only this mailbox of the image, with those in it.",
    },
    Argument {
        name: "emailIds",
        shape: Shape::Nullable(&Shape::List(&Shape::Id)),
        doc: "Only these messages.",
    },
    Argument {
        name: "mode",
        shape: Shape::OneOf(&["copy", "missing", "replace"]),
        doc: "`copy`: beside what is there, below `targetId`; `missing`: in place, only what lies nowhere any more; \
              `replace`: in place, so that it is what it was; what came later is removed, and can be brought back itself.",
    },
    Argument {
        name: "targetId",
        shape: Shape::Nullable(&Shape::Id),
        doc: "For `copy`, the mailbox that copies are put below (single messages: into); null: the top, or the inbox.",
    },
    Argument { name: "dryRun", shape: Shape::Nullable(&Shape::Bool), doc: "Only tell what would change." },
];

static TABLE: Table = Table {
    name: "Image",
    capability: capabilities::HISTORY,
    doc: "The mailboxes of an account as they were at an earlier moment. Images are made every hour in which something \
          changed, and thinned: by default 48 hours, 30 days, 12 months are kept.",
    shared: true,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("at", Shape::UtcDate, "The moment.").server_set().immutable(),
        Property::new(
            "accountId",
            Shape::Nullable(&Shape::Id),
            "The account that shows it: mailboxes, emails and blobs are asked for there as anywhere, under the ids that they had; \
             nothing can be changed. null: an image of somebody else's.",
        )
        .server_set()
        .immutable(),
    ],
    sorts: &[Sort { name: "at", doc: "The moment: the newest first, always.", arguments: &[] }],
    methods: &[
        Method::standard("get"),
        Method::standard("query"),
        Method::custom(
            "mailboxes",
            "answers with `list`: the mailboxes as they were, those above before those in them, each with `id`, \
             `parentId`, `name`, `role`, `totalEmails`, `unreadEmails`, `size`.",
            &[IMAGE],
        ),
        Method::custom(
            "emails",
            "answers with a page of `list`: the messages as they lay in a mailbox, each with `id`, `uid`, `threadId`, \
             `keywords`, `receivedAt`, `size`, `subject`, `sender`, `preview`, `hasAttachment`; the page after an empty \
             one is empty.",
            EMAILS,
        ),
        Method::custom(
            "restore",
            "brings back what an image shows. Answers with what changed: `mailboxesRestored`, `mailboxesChanged`, \
             `mailboxesRemoved`, `emailsRestored`, `emailsChanged`, `emailsRemoved`, `size`. What broke off is gone on \
             with by asking again.",
            RESTORE,
        )
        .writing(),
    ],
    ..Table::EMPTY
};

/// Images.
pub(super) struct Images;

/// The images of an account with their state: the newest, and how many.
async fn all(call: &Call, account: &Access) -> Result<(String, Vec<mail::images::Image>), MethodError> {
    let found = call.mail().images(call.ctx(), account.account).await?;
    let newest = found.first().map_or(0, |image| image.mark.0);
    Ok((format!("{newest}-{}", found.len()), found))
}

fn image(arguments: &mut Arguments) -> Result<Seq, MethodError> {
    let id = arguments.string("imageId")?;
    let known = crate::engine::ids::read(LETTER, &id).map(Seq);
    known.ok_or_else(|| MethodError::invalid_arguments("imageId", "does not exist"))
}

fn mailbox(name: &str, id: &str) -> Result<CollectionId, MethodError> {
    ids::read_mailbox(id).ok_or_else(|| MethodError::invalid_arguments(name, "does not exist"))
}

fn listed(account: &Access, list: serde_json::Value) -> Map {
    Map::from_iter([("accountId".to_owned(), json!(account.id())), ("list".to_owned(), list)])
}

async fn mailboxes(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let mark = image(&mut arguments)?;
    let found = call.mail().image_mailboxes(call.ctx(), account.account, mark).await?;
    let object = |was: mail::images::ImageMailbox| {
        json!({
            "id": ids::mailbox(was.id),
            "parentId": (was.parent.0 != 0).then(|| ids::mailbox(was.parent)),
            "name": was.name,
            "role": was.role.map(mail::Role::word),
            "totalEmails": was.total,
            "unreadEmails": was.unseen,
            "size": was.bytes,
        })
    };
    Ok(listed(account, found.into_iter().map(object).collect()))
}

async fn emails(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let mark = image(&mut arguments)?;
    let mailbox = mailbox("mailboxId", &arguments.string("mailboxId")?)?;
    let after = u32::try_from(arguments.unsigned_opt("afterUid")?.unwrap_or(0)).unwrap_or(u32::MAX);
    let limit = arguments.unsigned_opt("limit")?.unwrap_or(u64::MAX);
    let found = call.mail().image_emails(call.ctx(), account.account, (mark, mailbox), after, limit).await?;
    let object = |email: mail::images::ImageEmail| {
        json!({
            "id": ids::email(email.object),
            "uid": email.uid,
            "threadId": ids::thread(email.row.thread),
            "keywords": keywords(&email.keywords),
            "receivedAt": dates::utc(email.row.received_at),
            "size": email.row.size,
            "subject": email.row.subject,
            "sender": email.row.sender,
            "preview": email.row.preview,
            "hasAttachment": email.row.has_attachment,
        })
    };
    Ok(listed(account, found.into_iter().map(object).collect()))
}

fn wanted(call: &Call, mut arguments: Arguments) -> Result<(ImageRestore, bool), MethodError> {
    let mark = image(&mut arguments)?;
    let selection = match (arguments.string_opt("mailboxId")?, arguments.strings_opt("emailIds")?) {
        (Some(_), Some(_)) => {
            return Err(MethodError::invalid_arguments(
                "emailIds",
                "is given beside `mailboxId`; give one of them",
            ));
        }
        (Some(id), None) => Selection::Mailbox(mailbox("mailboxId", &id)?),
        (None, Some(emails)) if emails.len() as u64 > call.limits().jmap_objects_set => {
            return Err(MethodError::RequestTooLarge);
        }
        (None, Some(emails)) => {
            Selection::Emails(emails.iter().filter_map(|id| ids::read_email(id)).collect())
        }
        (None, None) => Selection::All,
    };
    let target = match arguments.string_opt("targetId")? {
        Some(id) => mailbox("targetId", &id)?,
        None => CollectionId(0),
    };
    let how = match arguments.string("mode")?.as_str() {
        "copy" => Restoring::Into(target),
        "missing" => Restoring::Missing,
        _ => Restoring::Replace,
    };
    Ok((ImageRestore { mark, selection, how }, arguments.bool("dryRun", false)?))
}

async fn restore(call: &Call, account: &Access, arguments: Arguments) -> Result<Map, MethodError> {
    let (wanted, dry_run) = wanted(call, arguments)?;
    let (mail, ctx) = (call.mail(), call.ctx());
    let ImageReport {
        mailboxes_back,
        mailboxes_changed,
        mailboxes_removed,
        emails_back,
        bytes_back,
        emails_changed,
        emails_removed,
    } = if dry_run {
        mail.plan_restore(ctx, account.account, wanted).await?
    } else {
        mail.restore_image(ctx, account.account, wanted).await?
    };
    Ok(Map::from_iter([
        ("accountId".to_owned(), json!(account.id())),
        ("dryRun".to_owned(), json!(dry_run)),
        ("mailboxesRestored".to_owned(), json!(mailboxes_back)),
        ("mailboxesChanged".to_owned(), json!(mailboxes_changed)),
        ("mailboxesRemoved".to_owned(), json!(mailboxes_removed)),
        ("emailsRestored".to_owned(), json!(emails_back)),
        ("emailsChanged".to_owned(), json!(emails_changed)),
        ("emailsRemoved".to_owned(), json!(emails_removed)),
        ("size".to_owned(), json!(bytes_back)),
    ]))
}

impl Type for Images {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(async move { Ok(all(call, account).await?.0) })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let (state, mut found) = all(call, account).await?;
            let id = |image: &mail::images::Image| crate::engine::ids::write(LETTER, image.mark.0);
            if let Some(asked) = request.ids {
                found.retain(|image| asked.contains(&id(image)));
                for missing in asked.iter().filter(|asked| !found.iter().any(|image| id(image) == **asked)) {
                    out.missing(missing);
                }
            }
            for image in found {
                out.add(&id(&image), |object| {
                    object.put("at", &dates::utc(image.at));
                    let tree = Tree::Image(image.mark);
                    let shown = account.own.then(|| crate::engine::ids::tree(account.account, tree));
                    object.put("accountId", &shown);
                    Ok(())
                })?;
            }
            Ok(state)
        })
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            if request.sort.iter().any(|key| key.ascending) {
                return Err(MethodError::UnsupportedSort);
            }
            let (state, found) = all(call, account).await?;
            let ids: Vec<String> =
                found.iter().map(|image| crate::engine::ids::write(LETTER, image.mark.0)).collect();
            request.page(&ids, state, false)
        })
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        method: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        Box::pin(async move {
            match method {
                "mailboxes" => mailboxes(call, account, arguments).await,
                "emails" => emails(call, account, arguments).await,
                _ => restore(call, account, arguments).await,
            }
        })
    }
}
