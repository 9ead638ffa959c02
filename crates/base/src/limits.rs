//! Every limit by name, with its default and its line in the manual. Add one here and nowhere else.

/// A limit as the manual shows it.
#[derive(Debug, Clone, Copy)]
pub struct LimitDoc {
    /// The key in the configuration, below `[limits]`.
    pub name: &'static str,
    /// The value where nothing is configured.
    pub default: u64,
    /// What it bounds and what happens at it.
    pub doc: &'static str,
}

macro_rules! limits {
    ($($name:ident = $default:literal, $doc:literal;)*) => {
        /// The limits in force. Each field is documented in [`LIMITS`] and in the manual.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Sets a limit by its name; `false` when there is no such limit.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => return false,
                }
                true
            }

            /// The value of a limit by its name.
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => Some(self.$name),)*
                    _ => None,
                }
            }
        }

        /// All limits, for the manual and the configuration.
        pub const LIMITS: &[LimitDoc] = &[
            $(LimitDoc { name: stringify!($name), default: $default, doc: $doc },)*
        ];
    };
}

limits! {
    name_bytes = 255, "Bytes of a name (collection, person, group, domain label excepted). Longer ones are refused.";
    text_bytes = 65_536, "Bytes of a free text field such as a note or a description.";
    address_bytes = 254, "Bytes of a mail address (RFC 5321 section 4.5.3.1).";
    state_bytes = 16_384, "Bytes of the small state of an item (keywords and properties).";
    collections_per_account = 10_000, "Live collections of an account.";
    collection_depth = 32, "Levels of collections below one another.";
    batch_items = 10_000, "Items that one transaction may touch; larger work is split by the caller.";
    page_items = 1_000, "Rows of one page of a list, or of changes.";
    shares_per_collection = 1_000, "People and groups that a collection may be shared with.";
    share_notifications = 200, "Changes of what others share with a person that it is told of until it removes them; the oldest go first.";
    share_notified_people = 200, "People that are told at once of a change of shares, members of groups included; others see it when they look.";
    message_bytes = 67_108_864, "Bytes of one message; classes of service may set less for what their people send.";
    delivery_recipients = 200, "Recipients of a message that one transaction delivers to; more take several.";
    annotation_bytes = 65_536, "Bytes of one annotation of a mailbox.";
    subscribed_names = 1_000, "Names of removed mailboxes that one person stays subscribed to.";
    annotations_per_mailbox = 100, "Annotations of one mailbox or account.";
    view_idle_seconds = 60, "Seconds after which what the server keeps in memory of a mailbox that nobody uses is dropped.";
    digest_bytes = 134_217_728, "Bytes of subjects, addresses and ids of mailboxes that the server keeps in memory for searching, sorting and threading.";
    thread_table_bytes = 33_554_432, "Bytes of which message belongs to which conversation that the server keeps in memory, sixteen a message.";
    view_tombstones = 10_000, "Removed messages of a mailbox that are remembered in memory for clients that look again; beyond it the database is asked.";
    body_bytes = 53_687_091_200, "Bytes of one body (a file's content); bodies of messages have their own, smaller limit.";
    member_depth = 16, "Levels of groups and lists within one another.";
    list_members = 100_000, "Members of one group or list.";
    resolve_recipients = 100_000, "Recipients that one address may resolve to.";
    aliases_per_person = 1_000, "Aliases of one person, group or resource.";
    app_passwords_per_person = 100, "App passwords of one person.";
    passkeys_per_person = 20, "Passkeys of one person.";
    sessions_per_person = 500, "Open sessions of one person; the oldest is closed when a new one opens.";
    session_idle_hours = 12, "Hours without a request after which a session on the web ends.";
    session_hours = 72, "Hours after which a session on the web ends in any case.";
    remembered_session_days = 30, "Days after which a session on the web ends whose owner asked to be remembered.";
    password_bytes = 1_024, "Bytes of a password. Longer ones are refused before any hashing.";
    password_least_characters = 8, "Characters that a new password has at least. Those that exist stay good.";
    image_bytes = 10_485_760, "Bytes of a remote image of a message that is fetched for its reader.";
    image_seconds = 10, "Seconds until a remote image is given up.";
    image_cache_bytes = 67_108_864, "Bytes of remote images that a node keeps in memory.";
    provider_login_seconds = 900, "Seconds that people may take at the provider that they log in at.";
    provider_token_bytes = 16_384, "Bytes of a token of a provider.";
    provider_groups = 1_000, "Values of the group claim of a provider that are looked at.";
    provider_answer_bytes = 1_048_576, "Bytes of an answer of a provider.";
    provider_answer_seconds = 10, "Seconds that a provider may take to answer.";
    provider_questions = 32, "Questions of one node to providers at a time; logins beyond it are refused.";
    providers_known = 1_000, "Providers whose addresses and keys a node keeps in memory.";
    login_failures_per_account = 20, "Wrong passwords for one account in a window from addresses where it never logged in before it has to wait.";
    login_failures_per_address = 100, "Wrong passwords from one network address (IPv6: /64) in a window before it has to wait.";
    login_window_seconds = 900, "The window of the two limits above, in seconds.";
    verified_passwords = 50_000, "Accounts whose right password a node remembers, sealed and in memory only, so that their next login costs no slow hash.";
    imap_line_bytes = 65_536, "Bytes of one line of an IMAP command.";
    imap_string_bytes = 65_536, "Bytes of one string or literal of an IMAP command that is no message.";
    imap_command_bytes = 1_048_576, "Bytes of one IMAP command that brings no message.";
    imap_append_bytes = 134_217_728, "Bytes of one IMAP command that brings messages, these included.";
    imap_append_messages = 100, "Messages of one IMAP APPEND, and parts of one CATENATE.";
    imap_before_login_bytes = 8_192, "Bytes of one IMAP command of a client that did not log in.";
    imap_search_keys = 512, "Keys of one IMAP search.";
    imap_search_depth = 32, "Levels of IMAP search keys within one another.";
    imap_search_updates = 16, "Searches of an IMAP session whose results are kept current (RFC 5267).";
    imap_set_ranges = 10_000, "Ranges of one set of numbers in an IMAP command.";
    imap_list_items = 1_000, "Elements of one list in an IMAP command: items to fetch, flags, names of header fields.";
    imap_faults = 20, "Commands in a row that are no IMAP, after which the connection is closed.";
    imap_idle_seconds = 1_800, "Seconds of silence after which a logged-in IMAP client is disconnected, in IDLE too (RFC 9051 section 5.4).";
    imap_login_seconds = 120, "Seconds that an IMAP client may be silent before it logs in.";
    import_line_bytes = 65_536, "Bytes of one line of an imported CSV file.";
    import_errors = 1_000, "Errors that an import lists before it stops.";
    search_text_bytes = 1_048_576, "Bytes of text of one object that are indexed; the rest is not found by search.";
    search_terms = 32, "Words of one search.";
    search_tail_items = 5_000, "Items behind the search index that a search reads directly; beyond it the search waits for the index.";
    job_payload_bytes = 65_536, "Bytes of the arguments of a job.";
    job_attempts = 12, "Times a job is tried before it is put aside for an administrator.";
    write_queue = 4_096, "Transactions that wait for the database; more are refused as unavailable.";
    read_queue = 4_096, "Reads that wait for the database; more are refused as unavailable.";
    group_transactions = 256, "Transactions that are made durable together.";
    push_queue = 1_024, "Changes that a slow subscriber may be behind before it is told to look for itself.";
    request_body_bytes = 1_048_576, "Bytes of a body of an administrative HTTP request.";
    sieve_scripts = 100, "Sieve scripts of one account.";
    sieve_script_bytes = 262_144, "Bytes of one Sieve script.";
    sieve_steps = 10_000, "Steps that a Sieve script may take for one message; at the limit the message is kept.";
    sieve_includes = 5, "Sieve scripts that include one another.";
    sieve_variable_bytes = 16_384, "Bytes of a variable of a Sieve script; longer values are cut.";
    sieve_redirects = 10, "Addresses that one message may be redirected to by filters and forwarding.";
    sieve_actions = 32, "Mailboxes that filters may put one message into.";
    sieve_seen = 10_000, "Answered senders and messages that the filters of one account remember.";
    sieve_domain_filters = 200, "Filters of the domains of one organisation.";
    forward_hops = 25, "Received fields of a message that is not forwarded any more.";
    http_connections = 10_000, "Open HTTP connections of one node.";
    queue_recipients_per_message = 100_000, "Outside recipients of one message.";
    queue_retry_first_seconds = 300, "Seconds until outgoing mail that failed is tried again; doubled with each attempt.";
    queue_retry_last_seconds = 14_400, "Seconds between attempts at most.";
    queue_lifetime_seconds = 432_000, "Seconds after which outgoing mail that keeps failing is given up and its sender told.";
    queue_report_lifetime_seconds = 172_800, "The same for reports to senders, which nobody is told about.";
    queue_warn_seconds = 14_400, "Seconds after which a sender is told that mail is late.";
    queue_returned_bytes = 1_048_576, "Bytes of a message that a report of its failure brings back; of a larger one only the header.";
    outbound_connections = 200, "Connections to other mail servers at a time.";
    outbound_connections_per_destination = 5, "Connections to one destination at a time.";
    outbound_messages_per_connection = 100, "Messages that one connection carries.";
    outbound_recipients_per_transaction = 100, "Recipients of one message that are sent at a time.";
    outbound_hosts_per_destination = 8, "Hosts of one destination that are tried before it counts as not answering.";
    outbound_connect_seconds = 30, "Seconds that connecting to one host may take.";
    outbound_command_seconds = 300, "Seconds that a mail server may take to answer a command (RFC 5321 section 4.5.3.2).";
    outbound_data_seconds = 600, "Seconds that a mail server may take to take a message over.";
    outbound_reply_bytes = 65_536, "Bytes of one answer of a mail server.";
    outbound_memory_bytes = 268_435_456, "Bytes of messages that are in memory while they are sent; more wait.";
    outbound_idle_seconds = 5, "Seconds that a connection is kept for more mail to the same destination.";
    mta_sts_policy_bytes = 65_536, "Bytes of a policy that is fetched for MTA-STS.";
    mta_sts_fetch_seconds = 30, "Seconds that fetching such a policy may take.";
    tls_report_domains = 1_000, "Domains that are sent a report about TLS in one run.";
    dkim_keys_per_domain = 16, "DKIM keys of one domain, retired ones included.";
    mail_connections = 20_000, "Open connections of one mail protocol (SMTP, LMTP, submission, IMAP, POP3, ManageSieve) on one node.";
    mail_connections_per_address = 1_000, "Open connections of one mail protocol from one network address (IPv6: /64). A gateway needs more than a person.";
    smtp_line_bytes = 2_048, "Bytes of one command of SMTP, LMTP and submission; AUTH has its own.";
    smtp_data_line_bytes = 1_000_000, "Bytes of one line of a message. RFC 5321 allows 998; real mail has longer ones.";
    smtp_recipients = 1_000, "Recipients of one message that another server hands over.";
    smtp_received = 50, "Received fields of a message; with more of them it goes round in circles and is refused.";
    smtp_errors = 20, "Refused commands of one connection before it is closed.";
    smtp_messages_per_connection = 10_000, "Messages of one connection before it is closed.";
    smtp_silence_seconds = 300, "Seconds that SMTP, LMTP and submission wait for a client.";
    smtp_messages_per_address_hour = 10_000, "Messages that one network address (IPv6: /64) may hand over in an hour; networks that are trusted are not counted.";
    submission_recipients = 500, "Recipients of one message that a person sends.";
    submission_recipients_per_account_hour = 2_000, "Recipients that one account may send to in an hour.";
    submission_hold_seconds = 2_592_000, "Seconds that a message may be held for later (FUTURERELEASE).";
    submission_kept_days = 30, "Days that the record of what a person sent over JMAP is kept; longer while it is queued.";
    identities_per_account = 100, "Identities that one account set something of, or made.";
    jmap_request_bytes = 10_485_760, "Bytes of one JMAP request (maxSizeRequest).";
    jmap_request_values = 200_000, "JSON values of one JMAP request; more are refused as maxSizeRequest.";
    jmap_answer_bytes = 67_108_864, "Bytes of the answer to one JMAP request; a call that goes beyond it is refused as requestTooLarge.";
    jmap_calls = 64, "Method calls of one JMAP request (maxCallsInRequest).";
    jmap_requests = 16, "JMAP requests of one account at a time (maxConcurrentRequests).";
    jmap_uploads = 8, "Uploads of one account at a time (maxConcurrentUpload).";
    jmap_upload_bytes = 67_108_864, "Bytes of one uploaded file (maxSizeUpload).";
    jmap_upload_seconds = 86_400, "Seconds that an uploaded file is kept while nothing uses it.";
    jmap_upload_bytes_per_account = 1_073_741_824, "Bytes of uploaded files of one person that nothing uses yet.";
    jmap_objects_get = 1_000, "Objects of one JMAP get (maxObjectsInGet).";
    jmap_objects_set = 1_000, "Objects of one JMAP set (maxObjectsInSet).";
    jmap_event_streams = 64, "Streams of changes that one account has open at a time, each WebSocket among them.";
    jmap_socket_seconds = 60, "Seconds without a word from the client of a WebSocket after which it is asked whether it is there; after twice that it is closed.";
    icalendar_bytes = 1_048_576, "Bytes of a calendar file that is read.";
    icalendar_components = 1_000, "Components (events, alarms, time zones) of a calendar file that is read.";
    jmap_query_ids = 4_096, "Results of one page of a JMAP query.";
    jmap_filter_depth = 16, "Levels of operators in a JMAP filter.";
    jmap_filter_conditions = 500, "Conditions and operators of a JMAP filter.";
    push_subscriptions = 32, "Addresses by which one account is told of changes by push.";
    push_subscription_seconds = 2_592_000, "Seconds after which such an address has to be asked for again.";
    push_url_bytes = 2_048, "Bytes of such an address.";
    push_send_seconds = 20, "Seconds that a push service may take to answer.";
    removed_looked_at = 100_000, "Removed messages that one list or search of them looks through; older ones are found by a narrower filter.";
    directory_query_objects = 100_000, "Objects of the directory that one JMAP query looks through.";
    audit_commits = 20_000, "Commits of a history that one question about it looks at.";
    jmap_sort_keys = 16, "Keys that a JMAP query is sorted by.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_set_and_got_by_its_name() {
        let mut limits = Limits::default();
        for doc in LIMITS {
            assert_eq!(limits.get(doc.name), Some(doc.default), "{}", doc.name);
            assert!(limits.set(doc.name, 7));
            assert_eq!(limits.get(doc.name), Some(7));
            assert!(doc.doc.ends_with('.'), "{}: a sentence", doc.name);
        }
        assert!(!limits.set("no_such_limit", 1));
    }
}
